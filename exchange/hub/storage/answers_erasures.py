"""Erasure requests as an officer asks about them: a page in four statements, whatever it holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, or_, select, true

from exchange.hub.storage import reminders
from exchange.hub.storage.erasures import Reason, Result, owed
from exchange.hub.storage.tables import consents, disclosure_recipients, disclosures, erasures

State = Literal["open", "overdue", "answered", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRow:
    """What one recipient was asked to erase."""

    id: str
    consent_id: str
    consent_statement: bytes
    disclosures: tuple[str, ...]
    """Ids of what it collected or was passed, as far as the agency may see them; sorted."""
    recipient: str
    reason: Reason
    asked_at: datetime
    due: datetime
    reminded_at: datetime | None
    """The newest reminder, by whomever."""
    escalated_at: datetime | None
    answered_at: datetime | None
    result: Result | None
    ground: str | None
    confirmation: bytes | None


def listed(
    conn: Connection,
    agency: str,
    state: State,
    *,
    now: datetime,
    after: str | None,
    limit: int,
) -> tuple[ErasureRow, ...]:
    """Return what `agency` must erase and what others owe it, in the order of ids."""
    query = (
        select(
            erasures,
            consents.c.id.label("consent_id"),
            consents.c.statement.label("consent_statement"),
        )
        .join_from(erasures, consents)
        .where(
            erasures.c.id > (after or ""),
            or_(erasures.c.recipient == agency, owed(agency)),
            _is(state, now),
        )
        .order_by(erasures.c.id)
        .limit(limit)
    )
    rows = conn.execute(query).all()
    consents_of = sorted({row.consent for row in rows})
    sent = reminders.newest(conn, consents_of)
    under = select(
        disclosures.c.consent,
        disclosures.c.id,
        disclosures.c.sender,
        disclosure_recipients.c.agency,
    ).join_from(disclosures, disclosure_recipients)
    collected = conn.execute(
        under.where(
            disclosures.c.consent.in_(consents_of),
            disclosure_recipients.c.collected_at.is_not(None),
        ).order_by(disclosures.c.id)
    ).all()
    return tuple(
        ErasureRow(
            id=row.id,
            consent_id=row.consent_id,
            consent_statement=row.consent_statement,
            disclosures=tuple(
                one.id
                for one in collected
                if one.consent == row.consent
                and one.agency == (row.passed_on_by or row.recipient)
                # Others' disclosures are not shown to a sender or a collecting agency.
                and agency in {row.recipient, row.passed_on_by, one.sender}
            ),
            recipient=row.recipient,
            reason=row.reason,
            asked_at=row.asked_at,
            due=row.due,
            reminded_at=reminders.later(row.reminded_at, sent.get((row.consent, row.recipient))),
            escalated_at=row.escalated_at,
            answered_at=row.answered_at,
            result=row.result,
            ground=row.ground,
            confirmation=row.confirmation,
        )
        for row in rows
    )


def _is(state: State, now: datetime) -> ColumnElement[bool]:
    match state:
        case "open":
            return erasures.c.answered_at.is_(None)
        case "overdue":
            return and_(erasures.c.answered_at.is_(None), erasures.c.due <= now)
        case "answered":
            return erasures.c.answered_at.is_not(None)
        case "all":
            return true()
