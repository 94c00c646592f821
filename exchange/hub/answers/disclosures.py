"""Who disclosed what to whom, under which consent and text."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection

from exchange.consent.record import ConsentRecord
from exchange.days import begin_of
from exchange.hub.answers.entries import Opened, opened
from exchange.hub.answers.frame import Answered, agency_of, newest_head
from exchange.hub.cursor import read_cursor, write_cursor
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_disclosures
from exchange.hub.storage.answers_disclosures import DisclosureRow, RecipientRow
from exchange.hub.storage.disclosures import OVER, Result
from exchange.hub.storage.reading import Place
from exchange.hub.stored import binding_of, context_of

STORED = frozenset({"disclosure-stored"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """The question: disclosures stored from a day on and before another, in German time."""

    since: date
    until: date
    """The first day that does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosedTo:
    """Where a disclosure stands with one recipient."""

    agency: str
    state: Literal["stored", "collected", "expired", "ended"] | Result
    collected_at: datetime | None
    acknowledged_at: datetime | None
    purpose_binding: str | None
    """SHA-256 of the hint that the recipient has confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentUnder:
    """The consent under which something was disclosed."""

    id: str
    digest: str
    form: str
    capacity: str
    collected_by: str
    collected_at: datetime
    valid_from: datetime
    valid_until: datetime
    ended_at: datetime | None
    ended_why: str | None
    """None also where the agency may not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Indexes in the log; None where there is no entry yet, or it was erased."""

    consent: int | None
    disclosure: int
    collected: int | None
    """Of the first recipient that collected, among those shown."""
    acknowledged: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeShown:
    """The text the person was shown."""

    id: str
    version: str
    lang: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """One disclosure, as the agency may see it."""

    disclosure: str
    manifest: str
    stored_at: datetime
    sender: str
    to: tuple[DisclosedTo, ...]
    purpose: str
    category: str
    secrecy: str
    request: str | None
    replaces: str | None
    consent: ConsentUnder
    notice: NoticeShown
    agreement: str
    subject_ref: str
    log: Entries


async def list_disclosures(
    hub: Hub, asker: Officer, wanted: Wanted, *, after: str | None, limit: int
) -> Answered[Wanted, tuple[Disclosed, ...]]:
    """Return a page of the agency's disclosures, those it sent and those that exist for it.

    In the order of the log. The page leaves an `officer-export` on the agency's chain before it
    goes out.

    Args:
        hub: the parts.
        asker: an officer of an agency.
        wanted: the question.
        after: `next` of the page before.
        limit: most rows; a page can have fewer and still not be the last one.

    Raises:
        NotPermitted: the asker reads no records.
        Malformed: no cursor of this list.
        Unavailable: the vault is away.
    """
    found = await find_disclosures(hub, asker, wanted, after=after, limit=limit)
    if found.answer:
        indexes = [one.log.disclosure for one in found.answer]
        await trace.record_export(
            hub, asker, first=min(indexes), until=max(indexes) + 1, count=len(indexes)
        )
    else:
        await trace.record_look(hub, asker)
    return found


async def find_disclosures(
    hub: Hub, asker: Officer, wanted: Wanted, *, after: str | None, limit: int
) -> Answered[Wanted, tuple[Disclosed, ...]]:
    """Return what `list_disclosures` returns and note nothing: its caller does, before."""
    agency = agency_of(asker)
    behind = read_cursor(after)
    found, last, rows = await hub.db.read(_page, hub, agency, wanted, behind, limit)
    return Answered(
        question="disclosures",
        agency=agency,
        asked=wanted,
        answered_at=hub.clock(),
        checkpoint=newest_head(hub),
        answer=found,
        next=write_cursor(last) if last is not None and rows == limit else None,
    )


def _page(
    conn: Connection, hub: Hub, agency: str, wanted: Wanted, behind: Place | None, limit: int
) -> tuple[tuple[Disclosed, ...], Place | None, int]:
    """Return what the agency may see of the next rows, the last row, and how many they were."""
    looked, found = opened(
        conn,
        agency,
        STORED,
        since=begin_of(wanted.since),
        until=begin_of(wanted.until),
        behind=behind,
        limit=limit,
    )
    named = {_pair(one) for one in found}
    rows = answers_disclosures.named(conn, agency, named)
    disclosed = tuple(
        _disclosed(conn, hub, rows[_pair(one)], one.place.index)
        for one in found
        if _pair(one) in rows
    )
    return disclosed, looked[-1] if looked else None, len(looked)


def _pair(found: Opened) -> tuple[str, str]:
    return found.event["consent"], found.event["manifest"]


def _disclosed(conn: Connection, hub: Hub, row: DisclosureRow, index: int) -> Disclosed:
    context = context_of(row.manifest)
    record = hub.records.consent(conn, row.consent, row.consent_statement)
    return Disclosed(
        disclosure=row.id,
        manifest=row.digest,
        stored_at=row.stored_at,
        sender=row.sender,
        to=tuple(_to(row, one) for one in row.recipients),
        purpose=context.purpose,
        category=context.category,
        secrecy=context.secrecy.code,
        request=context.request,
        replaces=context.replaces,
        consent=_under(row, record),
        notice=NoticeShown(
            id=record.notice.id,
            version=record.notice.version,
            lang=record.notice.lang,
            sha256=record.notice.sha256,
        ),
        agreement=record.agreement,
        subject_ref=record.subject.ref,
        log=Entries(
            consent=row.consent_index,
            disclosure=index,
            collected=_first(one.collected_index for one in row.recipients),
            acknowledged=_first(one.acknowledged_index for one in row.recipients),
        ),
    )


def _first(indexes: Iterable[int | None]) -> int | None:
    return min((one for one in indexes if one is not None), default=None)


def _to(row: DisclosureRow, one: RecipientRow) -> DisclosedTo:
    return DisclosedTo(
        agency=one.agency,
        state=_state(row, one),
        collected_at=one.collected_at,
        acknowledged_at=one.acknowledged_at,
        purpose_binding=binding_of(one.acknowledgement),
    )


def _state(
    row: DisclosureRow, one: RecipientRow
) -> Literal["stored", "collected", "expired", "ended"] | Result:
    if one.result is not None:
        return one.result
    if row.state in OVER:
        return "expired" if row.state == "expired" else "ended"
    return "stored" if one.collected_at is None else "collected"


def _under(row: DisclosureRow, record: ConsentRecord) -> ConsentUnder:
    return ConsentUnder(
        id=record.id,
        digest=record.digest,
        form=record.form.value,
        capacity=record.capacity.value,
        collected_by=record.collected_by,
        collected_at=record.collected_at,
        valid_from=record.valid_from,
        valid_until=record.valid_until,
        ended_at=row.ended,
        ended_why=row.ended_why,
    )
