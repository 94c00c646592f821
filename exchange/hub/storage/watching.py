"""What a replica asks the database about what the others have done, and how it gives hints.

Read at intervals, whether or not a hint has come: hints are lost while a connection is down.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from sqlalchemy import Connection, Row, func, select

from exchange.hub.storage.tables import agencies, consents, identities

CHANNEL = "exchange_hint"
"""Channel of the notifications."""
Version: TypeAlias = tuple[int, int]
"""Of who may call and sign: suspended agencies and identities, counted. Rows of both tables are
never deleted and no suspension is taken back, so every change raises it."""

_VERSION = select(
    select(func.count())
    .select_from(agencies)
    .where(agencies.c.state == "suspended")
    .scalar_subquery(),
    select(func.count()).select_from(identities).scalar_subquery(),
)
_EVERYBODY = (
    select(
        identities.c.agency,
        identities.c.ed25519,
        identities.c.ml_dsa_65,
        identities.c.until,
        agencies.c.state,
    )
    .join_from(identities, agencies)
    .order_by(identities.c.kid)
)


def version(conn: Connection) -> Version:
    """Return the version of who may call and sign."""
    suspended, registered = conn.execute(_VERSION).one()
    return suspended, registered


def everybody(conn: Connection) -> Iterable[Row[*tuple[object, ...]]]:
    """Return every identity ever registered, with the state of its agency."""
    return conn.execute(_EVERYBODY)


def ended(conn: Connection, digests: Collection[str]) -> frozenset[str]:
    """Return those of these consents that have ended."""
    if not digests:
        return frozenset()
    query = select(consents.c.digest).where(
        consents.c.digest.in_(sorted(digests)), consents.c.ended_at.is_not(None)
    )
    return frozenset(conn.execute(query).scalars())


def newest(conn: Connection, names: Collection[str]) -> Mapping[str, int]:
    """Return the number of the newest entry in the inbox of each of these agencies."""
    if not names:
        return {}
    query = select(agencies.c.id, agencies.c.inbox_last).where(agencies.c.id.in_(sorted(names)))
    return {row.id: row.inbox_last for row in conn.execute(query)}


def notify(conn: Connection, hints: Iterable[str]) -> None:
    """Tell every replica that listens, at the commit of this unit of work."""
    for hint in hints:
        conn.execute(select(func.pg_notify(CHANNEL, hint)))
