"""Rows for storage tests: two agencies, their agreement, consents and disclosures under it.

Everything is put in by the storage functions of the product and decided by the real `decide`.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from exchange.canonical import b64u
from exchange.consent.decision import Asked, Permit, Standing, decide
from exchange.hub.storage import agencies, agreements, consents, disclosures
from exchange.hub.storage.agreements import NewAgreement
from exchange.hub.storage.blobs import Kept
from exchange.hub.storage.consents import NewConsent
from exchange.hub.storage.disclosures import NewDisclosure
from exchange.hub.storage.ending import Withdrawal
from exchange.hub.storage.log import Chain
from exchange.hub.storage.reaches import Destination, Reach
from exchange.keyid import ED25519_SIZE, ML_DSA_65_SIZE, IdentityCard
from exchange.vocabulary import Secrecy, Uses
from tests import samples

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SENDER = "women-b"
RECIPIENT = "jobcentre-a"
OTHER = "housing-c"
STRANGER = "clinic-d"
HEADER_SIZE = 1627
"""Bytes of an age header for one hybrid recipient."""


def uuid(*seed: object) -> str:
    """Return a version 4 UUID made from `seed`, the same in every run."""
    octets = hashlib.sha256(repr(seed).encode()).digest()[:16]
    return str(UUID(bytes=octets, version=4))


def digest(*seed: object) -> str:
    """Return 43 characters made from `seed`."""
    return b64u(hashlib.sha256(repr(seed).encode()).digest())


def key(*seed: object) -> bytes:
    """Return 32 bytes made from `seed`: the key of a chain."""
    return hashlib.sha256(repr(("key", *seed)).encode()).digest()


def header(*seed: object) -> bytes:
    """Return a header's length of bytes that occur nowhere else."""
    return hashlib.shake_256(repr(("header", *seed)).encode()).digest(HEADER_SIZE)


def card(agency: str, *seed: object) -> IdentityCard:
    """Return a card that nobody holds the keys of."""
    octets = hashlib.shake_256(repr((agency, *seed)).encode())
    return IdentityCard(agency, octets.digest(ED25519_SIZE), octets.digest(ML_DSA_65_SIZE))


def chain(*seed: object, away: bool = False) -> Chain:
    """Return a chain with its key, or without it as if the vault were away."""
    return Chain(uuid("chain", *seed), None if away else key(*seed))


def add_agencies(conn: Connection) -> None:
    """Admit four agencies; only the recipient gets notices by a channel."""
    for agency in (SENDER, RECIPIENT, OTHER, STRANGER):
        told = (Destination("smtp", "box@example"), Destination("post", "box"))
        reach = Reach(channels=told) if agency == RECIPIENT else Reach()
        agencies.add(conn, card(agency), reach, chain=uuid("chain", agency), at=NOW)


def add_agreement(conn: Connection) -> None:
    """Record the agreement of three of them."""
    new = NewAgreement(
        digest=samples.AGREEMENT_DIGEST,
        id=uuid("agreement"),
        statement=b"agreement statement",
        drafted_by=RECIPIENT,
        parties=frozenset({SENDER, RECIPIENT, OTHER}),
        chain=uuid("chain", "agreement"),
        receipt=uuid("receipt", "agreement"),
    )
    agreements.add(conn, new, at=NOW)


def add_consent(
    conn: Connection,
    name: object,
    *,
    uses: Uses = "recurring",
    recipients: frozenset[str] = frozenset({RECIPIENT}),
    collected_by: str = SENDER,
) -> NewConsent:
    """Record one consent; its chain is `chain(name)`."""
    new = NewConsent(
        digest=digest("consent", name),
        id=uuid("consent", name),
        agreement=samples.AGREEMENT_DIGEST,
        collected_by=collected_by,
        statement=f"consent statement {name}".encode(),
        chain=uuid("chain", name),
        uses=uses,
        valid_from=NOW - DAY,
        valid_until=NOW + 100 * DAY,
        releasers=frozenset({SENDER}),
        recipients=recipients,
        receipt=uuid("receipt", name),
    )
    consents.add(conn, new, at=NOW)
    return new


RECORD = samples.consent()


def permit(
    conn: Connection,
    name: object,
    *,
    recipients: frozenset[str] = frozenset({RECIPIENT}),
    counted: int = 0,
    now: datetime = NOW,
) -> Permit | None:
    """Lock the consent, decide as the gate does, and return the permit or None."""
    found = consents.find(conn, digest("consent", name))
    if found is None:
        return None
    uses: Any = "recurring"
    record = replace(RECORD, digest=found.digest, recipients=recipients, uses=uses)
    standing = Standing(
        recorded=True,
        used=found.used - counted,
        ended_at=found.ended_at,
        agreement_covers=True,
        without_undertaking=frozenset(),
        vetoed=False,
    )
    asked = Asked(
        consent=found.digest,
        sender=SENDER,
        recipients=recipients,
        purpose="housing-loss",
        category="rent-arrears-letter",
        secrecy=Secrecy.PROFESSIONAL,
        exp=now + DAY,
    )
    decision = decide(asked, record, standing, now=now)
    return decision if isinstance(decision, Permit) else None


def granted(conn: Connection, name: object, **asked: Any) -> Permit:
    """Return a permit that must be there."""
    found = permit(conn, name, **asked)
    assert found is not None
    return found


def new_disclosure(
    name: object,
    consent: object,
    *,
    recipients: frozenset[str] = frozenset({RECIPIENT}),
    exp: datetime = NOW + 14 * DAY,
) -> NewDisclosure:
    """Return what the manifest of a disclosure would say."""
    return NewDisclosure(
        id=uuid("disclosure", name),
        digest=digest("manifest", name),
        manifest=f"manifest {name}".encode(),
        sender=SENDER,
        consent=digest("consent", consent),
        recipients={agency: digest("document key", agency) for agency in recipients},
        sealed_size=50_000 + HEADER_SIZE,
        exp=exp,
    )


def kept(name: object) -> Kept:
    """Return a payload that lies nowhere."""
    return Kept(blob=uuid("blob", name), size=50_000, sha256="ab" * 32)


def store(
    conn: Connection,
    name: object,
    consent: object,
    *,
    recipients: frozenset[str] = frozenset({RECIPIENT}),
    exp: datetime = NOW + 14 * DAY,
) -> NewDisclosure:
    """Store a disclosure: decide, count the use, keep the header."""
    allowed = granted(conn, consent, recipients=recipients)
    consents.consume_use(conn, allowed)
    new = new_disclosure(name, consent, recipients=recipients, exp=exp)
    disclosures.store(conn, allowed, new, header(name), kept(name), at=NOW)
    return new


def withdrawal(**other: Any) -> Withdrawal:
    """Return a withdrawal told to the sending office."""
    found = Withdrawal(
        statement=b"withdrawal statement",
        digest=digest("withdrawal"),
        by=SENDER,
        via="office",
        why="withdrawn",
        erasure="withdrawn",
        erasure_due=NOW + 14 * DAY,
    )
    return replace(found, **other)
