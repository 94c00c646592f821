"""With whom an agency has agreements, and every key those ever had."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, select

from exchange.hub.storage.log_tables import log_entry, log_event
from exchange.hub.storage.tables import (
    agencies,
    agreement_parties,
    identities,
    key_statements,
    revoked_keys,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """An agency that is bound by an agreement with the one that asks."""

    agency: str
    state: str
    suspended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key statement, or one identity."""

    agency: str
    key: str
    """Fingerprint, or name of the identity."""
    since: datetime
    until: datetime | None
    """When it was replaced."""
    revoked_at: datetime | None
    document: str | None
    """Digest of the signed statement in the log; None of a first identity."""
    succession: bytes | None = None
    """The signed statement itself, of an identity that followed another."""


def partners(
    conn: Connection, agency: str, *, after: str | None, limit: int
) -> tuple[Partner, ...]:
    """Return who is a party of an agreement of `agency`, itself included, in order of the ids."""
    mine, theirs = agreement_parties.alias("mine"), agreement_parties.alias("theirs")
    together = (
        exists()
        .where(theirs.c.agency == agencies.c.id)
        .where(mine.c.agreement == theirs.c.agreement, mine.c.agency == agency)
    )
    query = (
        select(agencies.c.id, agencies.c.state, agencies.c.suspended_at)
        .where(agencies.c.id > (after or ""), together)
        .order_by(agencies.c.id)
        .limit(limit)
    )
    return tuple(
        Partner(agency=row.id, state=row.state, suspended_at=row.suspended_at)
        for row in conn.execute(query)
    )


def document_keys(conn: Connection, names: Collection[str]) -> tuple[Key, ...]:
    """Return every key statement of these agencies, the newest first."""
    query = (
        select(
            key_statements.c.agency,
            key_statements.c.fingerprint,
            key_statements.c.nbf,
            key_statements.c.superseded_at,
            key_statements.c.digest,
            revoked_keys.c.revoked_at,
        )
        .outerjoin_from(
            key_statements,
            revoked_keys,
            (revoked_keys.c.fingerprint == key_statements.c.fingerprint)
            & (revoked_keys.c.agency == key_statements.c.agency),
        )
        .where(key_statements.c.agency.in_(sorted(names)))
        .order_by(key_statements.c.agency, key_statements.c.seq.desc())
    )
    return tuple(
        Key(
            agency=row.agency,
            key=row.fingerprint,
            since=row.nbf,
            until=row.superseded_at,
            revoked_at=row.revoked_at,
            document=row.digest,
        )
        for row in conn.execute(query)
    )


def identity_keys(conn: Connection, names: Collection[str]) -> tuple[Key, ...]:
    """Return every identity of these agencies, the newest first."""
    query = (
        select(identities)
        .where(identities.c.agency.in_(sorted(names)))
        .order_by(identities.c.agency, identities.c.registered_at.desc())
    )
    return tuple(
        Key(
            agency=row.agency,
            key=row.kid,
            since=row.registered_at,
            until=row.until,
            revoked_at=None,
            document=None,
            succession=row.succession,
        )
        for row in conn.execute(query)
    )


def places(conn: Connection, documents: Collection[str]) -> dict[str, int]:
    """Return where public documents stand in the log, by their digests."""
    query = (
        select(log_event.c.document, log_entry.c.idx)
        .join_from(log_event, log_entry, log_entry.c.rid == log_event.c.rid)
        # Named twice: the index holds documents only, and the planner wants to be told.
        .where(log_event.c.document.in_(sorted(documents)), log_event.c.document.is_not(None))
        .order_by(log_entry.c.idx.desc())
    )
    return {row.document: row.idx for row in conn.execute(query)}
