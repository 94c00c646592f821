"""What is to be erased, by whom, until when, and what was answered."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from exchange.hub.answers.frame import Answered, agency_of, newest_head
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.remind_erasure import may_remind
from exchange.hub.storage import answers_erasures
from exchange.hub.storage.answers_erasures import ErasureRow, State
from exchange.hub.storage.erasures import Reason, Result
from exchange.hub.stored import said, subject_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """The question."""

    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureSeen:
    """What one recipient was asked to erase, and what it has answered."""

    erasure: str
    consent: str
    """Id of the consent."""
    disclosures: tuple[str, ...]
    """One request is about everything the recipient collected under a consent."""
    recipient: str
    reason: Reason
    asked_at: datetime
    due: datetime
    overdue: bool
    reminded: Literal[0, 1, 2]
    """1: the recipient was reminded; 2: every party was told as well."""
    reminded_at: datetime | None
    """The newest reminder to the recipient, by the hub or for an officer."""
    remindable: bool
    """Whether the agency may remind now: others owe it, and this were the first of the day."""
    confirmation: Result | None
    answered_at: datetime | None
    ground: str | None
    kept_until: date | None
    subject_ref: str


async def list_erasures(
    hub: Hub, asker: Officer, wanted: Wanted, *, after: str | None, limit: int
) -> Answered[Wanted, tuple[ErasureSeen, ...]]:
    """Return a page of what the agency must erase, and of what others owe it.

    A page with something on it leaves an `officer-export` on the agency's chain before it goes
    out.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: the vault is away.
    """
    found = await find_erasures(hub, asker, wanted, after=after, limit=limit)
    if found.answer:
        size = 0 if found.checkpoint is None else found.checkpoint.size
        await trace.record_export(hub, asker, first=0, until=size, count=len(found.answer))
    else:
        await trace.record_look(hub, asker)
    return found


async def find_erasures(
    hub: Hub, asker: Officer, wanted: Wanted, *, after: str | None, limit: int
) -> Answered[Wanted, tuple[ErasureSeen, ...]]:
    """Return what `list_erasures` returns and note nothing: its caller does, before."""
    agency, now = agency_of(asker), hub.clock()
    rows = await hub.db.read(
        answers_erasures.listed, agency, wanted.state, now=now, after=after, limit=limit
    )
    return Answered(
        question="erasures",
        agency=agency,
        asked=wanted,
        answered_at=now,
        checkpoint=newest_head(hub),
        answer=tuple(_seen(row, agency, now) for row in rows),
        next=rows[-1].id if len(rows) == limit else None,
    )


def _seen(row: ErasureRow, agency: str, now: datetime) -> ErasureSeen:
    until = said(row.confirmation).get("until")
    reminded: Literal[0, 1, 2] = 0 if row.reminded_at is None else 1
    return ErasureSeen(
        erasure=row.id,
        consent=row.consent_id,
        disclosures=row.disclosures,
        recipient=row.recipient,
        reason=row.reason,
        asked_at=row.asked_at,
        due=row.due,
        overdue=row.answered_at is None and row.due <= now,
        reminded=reminded if row.escalated_at is None else 2,
        reminded_at=row.reminded_at,
        remindable=row.recipient != agency
        and row.answered_at is None
        and may_remind(row.asked_at, row.reminded_at, now=now),
        confirmation=row.result,
        answered_at=row.answered_at,
        ground=row.ground,
        kept_until=None if until is None else date.fromisoformat(until),
        subject_ref=subject_of(row.consent_statement),
    )
