"""Disclosures with everything an officer asks about them: recipients, consent, places in the log.

One statement per table for a whole page; nothing here reads a header.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, Select, and_, or_, select, tuple_

from exchange.hub.storage import answers_entries
from exchange.hub.storage.consents import must_erase
from exchange.hub.storage.disclosures import Result, State
from exchange.hub.storage.tables import consents, disclosure_recipients, disclosures


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRow:
    """Where a disclosure stands with one recipient."""

    agency: str
    collected_at: datetime | None
    acknowledged_at: datetime | None
    result: Result | None
    acknowledgement: bytes | None
    collected_index: int | None
    """Of the entry in the log."""
    acknowledged_index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureRow:
    """A disclosure under its consent."""

    id: str
    manifest: bytes
    digest: str
    """Of the manifest."""
    sender: str
    state: State
    stored_at: datetime
    ended_at: datetime | None
    consent: str
    consent_id: str
    consent_statement: bytes
    consent_index: int | None
    ended: datetime | None
    """When its consent was ended; None also for who may not know."""
    ended_why: str | None
    recipients: tuple[RecipientRow, ...]
    """All for the sender; of others the agency alone."""


def named(
    conn: Connection, agency: str, manifests: Collection[tuple[str, str]]
) -> dict[tuple[str, str], DisclosureRow]:
    """Return stored disclosures by consent and manifest, as `agency` may see them.

    The caller has found out that the agency may see each of them.
    """
    pair = tuple_(disclosures.c.consent, disclosures.c.digest)
    rows = conn.execute(_select(agency).where(pair.in_(sorted(manifests)))).all()
    return {(one.consent, one.digest): one for one in _read(conn, agency, rows)}


def sealed_to(
    conn: Connection, agency: str, key: str, *, behind: str, limit: int
) -> tuple[DisclosureRow, ...]:
    """Return stored disclosures whose documents were sealed to a key, in the order of their ids.

    Those that `agency` has sent, and those that exist for it as their recipient.

    Args:
        conn: may be a reader's.
        agency: whose officer asks.
        key: fingerprint of a document key.
        behind: id of the last one of the page before; empty for the first page.
        limit: most rows.
    """
    exists_for_it = and_(
        disclosure_recipients.c.agency == agency,
        or_(
            disclosure_recipients.c.collected_at.is_not(None),
            disclosures.c.state.in_(("stored", "collected", "acknowledged")),
        ),
    )
    query = (
        _select(agency)
        .join(disclosure_recipients, disclosure_recipients.c.disclosure == disclosures.c.id)
        .where(
            disclosure_recipients.c.fingerprint == key,
            disclosures.c.stored_at.is_not(None),
            or_(disclosures.c.sender == agency, exists_for_it),
            disclosures.c.id > behind,
        )
        .order_by(disclosures.c.id)
        .limit(limit)
    )
    return _read(conn, agency, conn.execute(query).all())


def _select(agency: str) -> Select[*tuple[object, ...]]:
    return select(
        disclosures,
        consents.c.id.label("consent_id"),
        consents.c.statement.label("consent_statement"),
        consents.c.receipt.label("consent_receipt"),
        consents.c.ended_at.label("consent_ended_at"),
        consents.c.ended_why.label("consent_ended_why"),
        or_(consents.c.collected_by == agency, must_erase(agency)).label("knows"),
    ).join_from(disclosures, consents, consents.c.digest == disclosures.c.consent)


def _read(
    conn: Connection, agency: str, rows: Sequence[Row[*tuple[object, ...]]]
) -> tuple[DisclosureRow, ...]:
    query = (
        select(disclosure_recipients)
        .where(disclosure_recipients.c.disclosure.in_(sorted(row.id for row in rows)))
        .order_by(disclosure_recipients.c.agency)
    )
    reached = conn.execute(query).all()
    receipts = {row.consent_receipt for row in rows}
    receipts |= {row.collected_receipt for row in reached}
    receipts |= {row.acknowledged_receipt for row in reached}
    places = answers_entries.indexes(conn, receipts - {None})
    return tuple(
        DisclosureRow(
            id=row.id,
            manifest=row.manifest,
            digest=row.digest,
            sender=row.sender,
            state=row.state,
            stored_at=row.stored_at,
            ended_at=row.ended_at,
            consent=row.consent,
            consent_id=row.consent_id,
            consent_statement=row.consent_statement,
            consent_index=places.get(row.consent_receipt),
            ended=row.consent_ended_at if row.knows else None,
            ended_why=row.consent_ended_why if row.knows else None,
            recipients=tuple(
                _recipient(one, places)
                for one in reached
                if one.disclosure == row.id and agency in {row.sender, one.agency}
            ),
        )
        for row in rows
    )


def _recipient(row: Row[*tuple[object, ...]], places: dict[str, int]) -> RecipientRow:
    return RecipientRow(
        agency=row.agency,
        collected_at=row.collected_at,
        acknowledged_at=row.acknowledged_at,
        result=row.result,
        acknowledgement=row.acknowledgement,
        collected_index=places.get(row.collected_receipt),
        acknowledged_index=places.get(row.acknowledged_receipt),
    )
