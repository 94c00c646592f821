"""What the person sees of her consent: events newest first, documents, erasures. Reads only.

Every question is bounded: a long history costs no more than a short one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, Row, select

from exchange.hub.storage.log_tables import (
    log_event,
)
from exchange.hub.storage.tables import (
    consents,
    disclosure_recipients,
    disclosures,
    erasures,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What happened to a consent as a whole."""

    used: int
    ended_at: datetime | None
    ended_why: str | None
    withdrawal: bytes | None
    """The signed statement that ended it, where there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """An entry of the consent's chain in the log."""

    n: int
    body: bytes
    detail: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a document at one recipient."""

    agency: str
    collected_at: datetime | None
    """When it could be opened for the first time; None: it was not collected."""
    result: Literal["accepted", "rejected", "quarantined"] | None
    """What the recipient has signed; None: nothing yet."""
    reason: str | None
    """Code of why it was rejected or set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A disclosure under the consent."""

    digest: str
    """Of the manifest."""
    manifest: bytes
    state: Literal["stored", "collected", "acknowledged", "expired", "ended"]
    stored_at: datetime
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedErasure:
    """What a recipient was asked to erase."""

    recipient: str
    asked_at: datetime
    due: datetime
    answered_at: datetime | None
    result: Literal["erased", "kept"] | None
    ground: str | None
    confirmation: bytes | None


def standing(conn: Connection, consent: str) -> Standing:
    """Return what happened to a consent that exists."""
    query = select(
        consents.c.used, consents.c.ended_at, consents.c.ended_why, consents.c.withdrawal
    )
    row = conn.execute(query.where(consents.c.digest == consent)).one()
    return Standing(
        used=row.used,
        ended_at=row.ended_at,
        ended_why=row.ended_why,
        withdrawal=row.withdrawal,
    )


def events(
    conn: Connection, chain: str, *, before: int | None, limit: int
) -> tuple[LoggedEvent, ...]:
    """Return events of a chain, newest first, from below the number `before`."""
    query = (
        select(log_event.c.n, log_event.c.body, log_event.c.detail)
        .where(log_event.c.chain == chain)
        .order_by(log_event.c.n.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(log_event.c.n < before)
    return tuple(
        LoggedEvent(n=row.n, body=row.body, detail=row.detail) for row in conn.execute(query)
    )


def documents(conn: Connection, consent: str, manifests: Collection[str]) -> tuple[Document, ...]:
    """Return the stored disclosures under a consent with these digests of manifests."""
    query = (
        select(
            disclosures.c.digest,
            disclosures.c.manifest,
            disclosures.c.state,
            disclosures.c.stored_at,
            disclosure_recipients.c.agency,
            disclosure_recipients.c.collected_at,
            disclosure_recipients.c.result,
            disclosure_recipients.c.reason,
        )
        .join_from(disclosures, disclosure_recipients)
        .where(
            disclosures.c.consent == consent,
            disclosures.c.digest.in_(sorted(manifests)),
            disclosures.c.stored_at.is_not(None),
        )
        .order_by(disclosures.c.digest, disclosure_recipients.c.agency)
    )
    rows: dict[str, list[Row[*tuple[object, ...]]]] = {}
    for row in conn.execute(query):
        rows.setdefault(row.digest, []).append(row)
    return tuple(_document(found) for found in rows.values())


def asked_to_erase(conn: Connection, consent: str) -> tuple[AskedErasure, ...]:
    """Return what recipients were asked to erase, oldest first; at most one for each."""
    query = (
        select(erasures)
        .where(erasures.c.consent == consent)
        .order_by(erasures.c.asked_at, erasures.c.recipient)
    )
    return tuple(
        AskedErasure(
            recipient=row.recipient,
            asked_at=row.asked_at,
            due=row.due,
            answered_at=row.answered_at,
            result=row.result,
            ground=row.ground,
            confirmation=row.confirmation,
        )
        for row in conn.execute(query)
    )


def _document(rows: list[Row[*tuple[object, ...]]]) -> Document:
    first = rows[0]
    return Document(
        digest=first.digest,
        manifest=first.manifest,
        state=first.state,
        stored_at=first.stored_at,
        receipts=tuple(
            Receipt(
                agency=row.agency,
                collected_at=row.collected_at,
                result=row.result,
                reason=row.reason,
            )
            for row in rows
        ),
    )
