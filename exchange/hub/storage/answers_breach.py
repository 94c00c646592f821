"""Whose a key was and when, and which consents something is about: for the scope of a breach."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from exchange.hub.storage.tables import consent_parties, consents, identities, key_statements


@dataclass(frozen=True, slots=True)
class InUse:
    """When senders and collectors sealed to a document key."""

    agency: str
    since: datetime
    until: datetime | None
    """When another one took its place; None: it has not yet."""


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A consent and whom its sealed part was made for."""

    id: str
    statement: bytes
    collected_by: str
    recorded_at: datetime
    parties: frozenset[str]


def time_of(conn: Connection, fingerprint: str) -> InUse | None:
    """Return when a document key was in use, or None: no agency here ever had it."""
    query = (
        select(key_statements.c.agency, key_statements.c.nbf, key_statements.c.superseded_at)
        .where(key_statements.c.fingerprint == fingerprint)
        .order_by(key_statements.c.seq)
    )
    rows = conn.execute(query).all()
    if not rows:
        return None
    return InUse(rows[0].agency, rows[0].nbf, rows[-1].superseded_at)


def agency_of(conn: Connection, kid: str) -> str | None:
    """Return whose an identity key is or was, or None."""
    query = select(identities.c.agency).where(identities.c.kid == kid)
    found: str | None = conn.execute(query).scalar_one_or_none()
    return found


def consents_named(conn: Connection, digests: Collection[str]) -> dict[str, ConsentRow]:
    """Return consents by their digests; the caller has found out that they may be shown."""
    rows = conn.execute(
        select(
            consents.c.digest,
            consents.c.id,
            consents.c.statement,
            consents.c.collected_by,
            consents.c.recorded_at,
        ).where(consents.c.digest.in_(sorted(digests)))
    ).all()
    parties = conn.execute(
        select(consent_parties.c.consent, consent_parties.c.agency).where(
            consent_parties.c.consent.in_(sorted(digests))
        )
    ).all()
    return {
        row.digest: ConsentRow(
            row.id,
            row.statement,
            row.collected_by,
            row.recorded_at,
            frozenset(one.agency for one in parties if one.consent == row.digest)
            | {row.collected_by},
        )
        for row in rows
    }


def consents_on(conn: Connection, chains: Collection[str]) -> dict[str, str]:
    """Return the digests of the consents whose chains these are, by chain."""
    query = select(consents.c.chain, consents.c.digest).where(consents.c.chain.in_(sorted(chains)))
    return {row.chain: row.digest for row in conn.execute(query)}
