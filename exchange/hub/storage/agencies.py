"""Agencies: who is admitted, and by which identity each is known."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from exchange.errors import Conflict
from exchange.hub.storage import log, reaches
from exchange.hub.storage.reaches import Reach
from exchange.hub.storage.tables import agencies, identities
from exchange.keyid import IdentityCard
from exchange.prepared import Prepared

State = Literal["active", "suspended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """An admitted agency."""

    id: str
    state: State
    chain: str
    """UUID of its chain in the log."""
    admitted_at: datetime
    suspended_at: datetime | None
    capabilities: bytes | None
    """Canonical JSON of what it can receive; None before it has said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One identity of an agency."""

    card: IdentityCard
    registered_at: datetime
    until: datetime | None
    """Of one that was succeeded: until when it is accepted."""
    succession: bytes | None
    """The signed succession that led to it, as received."""
    agency_state: State


_FIND = Prepared(select(agencies).where(agencies.c.id == bindparam("of")))
_CAPABILITIES = Prepared(select(agencies.c.capabilities).where(agencies.c.id == bindparam("of")))
_ACTIVE = Prepared(
    select(agencies.c.id)
    .where(agencies.c.id == bindparam("of"), agencies.c.state == "active")
    .with_for_update(read=True, key_share=True)
)
_LOCK = Prepared(select(agencies.c.id).where(agencies.c.id == bindparam("of")).with_for_update())
_IDENTITY = select(identities, agencies.c.state.label("agency_state")).join_from(
    identities, agencies
)
_BY_KID = _IDENTITY.where(
    identities.c.kid == bindparam("kid"),
    or_(identities.c.until.is_(None), identities.c.until > bindparam("now")),
)
_OF_AGENCY = _IDENTITY.where(identities.c.agency == bindparam("of")).order_by(
    identities.c.registered_at.desc(), identities.c.kid
)


def add(conn: Connection, card: IdentityCard, reach: Reach, *, chain: str, at: datetime) -> None:
    """Admit an agency with its first identity and begin its chain in the log.

    Raises:
        Conflict: an agency of this name, or this identity, is already admitted.
    """
    if find(conn, card.agency) is not None or _exists(conn, card.kid):
        raise Conflict("this agency or this identity is already admitted")
    conn.execute(
        insert(agencies),
        {
            "id": card.agency,
            "state": "active",
            "chain": chain,
            "admitted_at": at,
            **reaches.columns(reach),
        },
    )
    reaches.add_fallbacks(conn, card.agency, reach)
    _add_identity(conn, card, succession=None, at=at)
    log.open_chain(conn, chain, "agency")


def find(conn: Connection, agency: str) -> Agency | None:
    """Return an agency, suspended ones included, or None."""
    row = _FIND.one(conn, {"of": agency})
    return None if row is None else _agency(row)


def capabilities(conn: Connection, agency: str) -> bytes | None:
    """Return what an agency can receive as it has said, or None."""
    row = _CAPABILITIES.one(conn, {"of": agency})
    found: bytes | None = None if row is None else row.capabilities
    return found


def listed(conn: Connection, *, after: str | None, limit: int) -> tuple[Agency, ...]:
    """Return agencies in the order of their names, at most `limit`, from behind `after`."""
    query = (
        select(agencies).where(agencies.c.id > (after or "")).order_by(agencies.c.id).limit(limit)
    )
    return tuple(_agency(row) for row in conn.execute(query))


def active(conn: Connection, names: Collection[str]) -> frozenset[str]:
    """Return those of `names` that are admitted and not suspended; so they stay until the end.

    The lock is the weakest one: it stops `suspend`, and neither another reader of this nor a new
    number in the inbox.
    """
    return frozenset(name for name in names if _ACTIVE.one(conn, {"of": name}))


def lock(conn: Connection, agency: str) -> None:
    """Lock an agency against everything that rests on its standing, its identities and its keys.

    What the same unit decides about it, it reads afterwards.
    """
    _LOCK.one(conn, {"of": agency})


def suspend(conn: Connection, agency: str, *, at: datetime) -> bool:
    """Suspend an agency: from the commit on nothing is taken from it or released to it.

    The caller has locked it: that lock is stronger than the UPDATE's own.

    Returns:
        False when it was suspended before, or is unknown.
    """
    change = (
        update(agencies)
        .where(agencies.c.id == agency, agencies.c.state == "active")
        .values(state="suspended", suspended_at=at)
    )
    return conn.execute(change).rowcount == 1


def publish_capabilities(conn: Connection, agency: str, capabilities: bytes) -> None:
    """Store what an agency can receive, as canonical JSON."""
    change = update(agencies).where(agencies.c.id == agency).values(capabilities=capabilities)
    conn.execute(change)


def identity(conn: Connection, kid: str, *, now: datetime) -> Identity | None:
    """Return the identity named `kid` while it is accepted, or None.

    Whether its agency is suspended stands in the answer.
    """
    row = conn.execute(_BY_KID, {"kid": kid, "now": now}).one_or_none()
    return None if row is None else _identity(row)


def identities_of(conn: Connection, agency: str) -> tuple[Identity, ...]:
    """Return the identities of an agency, the newest first, also those no longer accepted."""
    return tuple(_identity(row) for row in conn.execute(_OF_AGENCY, {"of": agency}))


def succeed(
    conn: Connection, card: IdentityCard, succession: bytes, *, until: datetime, at: datetime
) -> None:
    """Register the next identity of an agency; the one before is accepted until `until`.

    Args:
        conn: of the unit of work.
        card: the new identity; four signatures of `succession` were verified.
        succession: the signed statement, as received.
        until: end of the time in which both are accepted.
        at: hub time.

    Raises:
        Conflict: this identity is already registered.
    """
    if _exists(conn, card.kid):
        raise Conflict("this identity is already registered")
    before = update(identities).where(
        identities.c.agency == card.agency,
        or_(identities.c.until.is_(None), identities.c.until > until),
    )
    conn.execute(before.values(until=until))
    _add_identity(conn, card, succession=succession, at=at)


def _add_identity(
    conn: Connection, card: IdentityCard, *, succession: bytes | None, at: datetime
) -> None:
    conn.execute(
        insert(identities),
        {
            "kid": card.kid,
            "agency": card.agency,
            "ed25519": card.ed25519,
            "ml_dsa_65": card.ml_dsa_65,
            "registered_at": at,
            "succession": succession,
        },
    )


def _exists(conn: Connection, kid: str) -> bool:
    found = conn.execute(select(identities.c.kid).where(identities.c.kid == kid))
    return found.one_or_none() is not None


def _agency(row: Row[*tuple[object, ...]]) -> Agency:
    return Agency(
        id=row.id,
        state=row.state,
        chain=row.chain,
        admitted_at=row.admitted_at,
        suspended_at=row.suspended_at,
        capabilities=row.capabilities,
    )


def _identity(row: Row[*tuple[object, ...]]) -> Identity:
    return Identity(
        card=IdentityCard(row.agency, row.ed25519, row.ml_dsa_65),
        registered_at=row.registered_at,
        until=row.until,
        succession=row.succession,
        agency_state=row.agency_state,
    )
