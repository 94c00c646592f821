"""Show a person what she allowed and everything that happened under it, for her code.

Nothing here is written, counted by code or logged: looking leaves no trace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection

from exchange import jws
from exchange.audit.event import read_event
from exchange.canonical import b64u, loads, unb64u
from exchange.consent import render
from exchange.consent.record import ConsentRecord
from exchange.consent.withdrawal import EndReason
from exchange.errors import Malformed, Unavailable
from exchange.hub import opened
from exchange.hub.opened import Opened
from exchange.hub.parts import Hub
from exchange.hub.storage import person
from exchange.hub.storage.ending import WORDLESS
from exchange.hub.storage.person import AskedErasure, Document, LoggedEvent, Receipt, Standing
from exchange.hub.stored import context_of
from exchange.members import read_time
from exchange.statement import LARGEST
from exchange.vocabulary import Scope

PAGE = 50
"""Events on one page."""
MOST = 2_000
"""Events on one paper: some 300 pages, and 200 MB of memory while they are set."""
CURSOR_SIZE = 6
"""Bytes of the number of an event; the database counts to 63 bits."""

State = Literal["valid", "not-yet", "ended"]
Ended = Literal["withdrawn", "agency", "agreement", "restored"]
Why = Literal[Ended, "expired", "used-up"]
ENDS: tuple[Ended, ...] = ("withdrawn", "agency", "agreement", "restored")
"""Why a consent has ended that was ended by somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSeen:
    """One document package, without anything of its content."""

    sender: str
    category: str
    """Code; its label is in the scope's vocabulary."""
    secrecy: str
    """Code of the secrecy class."""
    stored_at: datetime
    state: Literal["stored", "collected", "acknowledged", "expired", "ended"]
    recipients: tuple[Receipt, ...]
    """By agency id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSeen:
    """One entry of the consent's log, for its person: she sees every one of them."""

    kind: str
    """One of `exchange.audit.event.MEMBERS`, such as `disclosure-collected`."""
    at: datetime
    """Hub time, in whole seconds."""
    by: str
    """Agency id, `hub` or `person`."""
    to: tuple[str, ...] = ()
    """Agencies it was addressed to; for `erasure-asked` the one that was asked."""
    document: DocumentSeen | None = None
    """What was stored, collected, acknowledged or has ended."""
    via: Literal["office", "page"] | None = None
    """Of `consent-withdrawn`: at an office, or on her page."""
    result: str | None = None
    """Of `disclosure-acknowledged` and `erasure-confirmed`."""
    reasons: tuple[str, ...] = ()
    """Codes: why a disclosure was refused (`exchange.consent.decision.Reason`) or has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureSeen:
    """What one recipient that collected was asked to erase, and what it has answered."""

    agency: str
    asked_at: datetime
    due: datetime
    answered_at: datetime | None
    """None: the answer is outstanding."""
    result: Literal["erased", "kept"] | None
    ground: str | None
    """Code of why something is kept (`exchange.wire.erasure.Ground`)."""
    until: date | None
    """Until when it is kept."""
    overdue: bool
    """Outstanding, and the time to answer is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """One consent as its person sees it: everything, in codes; words come from the scope."""

    record: ConsentRecord
    """What she allowed; its sealed block stays sealed."""
    scope: Scope
    """Labels, names and contacts, as the agreement has frozen them."""
    text: str
    """Exactly what she was shown."""
    state: State
    reason: Why | None
    """Why it ended."""
    end_reason: EndReason | None
    """Of the collecting agency, where it ended the consent itself."""
    ended_at: datetime | None
    recorded_at: datetime
    used: int
    """Uses counted."""
    may_withdraw: bool
    """Whether withdrawing would still change anything."""
    erasures: tuple[ErasureSeen, ...]
    """In the order in which they were asked for, then by agency."""
    events: tuple[EventSeen, ...] = field(repr=False)
    """Newest first: at most `PAGE`, or `MOST` of `view_whole`."""
    next: str | None
    """Cursor of the page with older events; None: there are none."""


async def view(hub: Hub, code_text: str, *, cursor: str | None = None) -> PersonView | None:
    """Return the consent that a code opens, or None: wrong, never issued, replaced, erased.

    Every None costs the same look-up; the caller answers them all alike.

    Args:
        hub: the parts.
        code_text: as typed, of any length.
        cursor: `next` of the page before; one that is none of ours shows the first page.
    """
    return await hub.db.read(_view, hub, code_text, _number(cursor))


async def view_whole(hub: Hub, code_text: str, *, most: int = MOST) -> PersonView | None:
    """Return the consent that a code opens with all of its events, or None as `view` does.

    Reads page by page, so that nobody waits behind a long history. What happens meanwhile is not
    in it; a code that is replaced meanwhile opens nothing.

    Args:
        hub: the parts.
        code_text: as typed, of any length.
        most: events, after which `next` says that there are older ones.
    """
    seen = await view(hub, code_text)
    while seen is not None and seen.next is not None and len(seen.events) < most:
        older = await view(hub, code_text, cursor=seen.next)
        if older is None:
            return None
        seen = replace(seen, events=seen.events + older.events, next=older.next)
    return seen


def _view(conn: Connection, hub: Hub, code_text: str, before: int | None) -> PersonView | None:
    found = opened.consent(conn, hub, code_text)
    if found is None:
        return None
    now = hub.clock()
    record = found.record
    standing = person.standing(conn, record.digest)
    state, reason = _state(record, standing, now)
    # One more than is shown tells whether there are older ones.
    logged = person.events(conn, found.filed.chain, before=before, limit=PAGE + 1)
    asked = person.asked_to_erase(conn, record.digest)
    return PersonView(
        record=record,
        scope=found.scope,
        text=_text(found),
        state=state,
        reason=reason,
        end_reason=_end_reason(standing.withdrawal) if reason == "agency" else None,
        ended_at=standing.ended_at,
        recorded_at=found.filed.recorded_at,
        used=standing.used,
        may_withdraw=standing.ended_at is None or standing.ended_why in WORDLESS,
        erasures=tuple(_erasure(one, now) for one in asked),
        events=_events(conn, record.digest, logged[:PAGE]),
        next=_cursor(logged[PAGE - 1].n) if len(logged) > PAGE else None,
    )


def _text(found: Opened) -> str:
    try:
        return render.notice_of(found.record, found.scope)
    except Malformed as error:
        raise Unavailable("the text of a stored record cannot be rendered") from error


def _state(record: ConsentRecord, standing: Standing, now: datetime) -> tuple[State, Why | None]:
    for why in ENDS:
        if standing.ended_why == why:
            return "ended", why
    if now >= record.valid_until:
        return "ended", "expired"
    if record.uses != "recurring" and standing.used >= record.uses:
        return "ended", "used-up"
    return ("not-yet" if now < record.valid_from else "valid"), None


def _end_reason(withdrawal: bytes | None) -> EndReason:
    """Return why the agency ended it, from its statement; it was verified when it came."""
    try:
        return EndReason(_said(withdrawal)["reason"])
    except (Malformed, KeyError, TypeError, ValueError) as error:
        raise Unavailable("a stored withdrawal cannot be read") from error


def _events(conn: Connection, consent: str, logged: Sequence[LoggedEvent]) -> tuple[EventSeen, ...]:
    read = [(read_event(entry.body), entry.detail) for entry in logged]
    named = {members["manifest"] for members, _ in read if "manifest" in members}
    stored = {found.digest: _document(found) for found in person.documents(conn, consent, named)}
    return tuple(_event(members, detail, stored) for members, detail in read)


def _event(
    members: Mapping[str, Any], detail: bytes | None, stored: Mapping[str, DocumentSeen]
) -> EventSeen:
    to = members.get("to", ())
    known = {} if detail is None else loads(detail, limit=LARGEST)
    return EventSeen(
        kind=members["kind"],
        at=read_time(members["at"]),
        by=members["by"],
        to=(to,) if isinstance(to, str) else tuple(to),
        document=stored.get(members.get("manifest", "")),
        via=members.get("via"),
        result=members.get("result"),
        reasons=tuple(known.get("why", known.get("reason", "")).split()),
    )


def _document(found: Document) -> DocumentSeen:
    context = context_of(found.manifest)
    return DocumentSeen(
        sender=context.sender,
        category=context.category,
        secrecy=context.secrecy.code,
        stored_at=found.stored_at,
        state=found.state,
        recipients=found.receipts,
    )


def _erasure(asked: AskedErasure, now: datetime) -> ErasureSeen:
    return ErasureSeen(
        agency=asked.recipient,
        asked_at=asked.asked_at,
        due=asked.due,
        answered_at=asked.answered_at,
        result=asked.result,
        ground=asked.ground,
        until=None if asked.ground is None else _until(asked.confirmation),
        overdue=asked.answered_at is None and asked.due <= now,
    )


def _until(confirmation: bytes | None) -> date:
    """Return until when something is kept, from the answer; it was verified when it came."""
    try:
        return date.fromisoformat(_said(confirmation)["until"])
    except (Malformed, KeyError, TypeError, ValueError) as error:
        raise Unavailable("a stored answer cannot be read") from error


def _said(statement: bytes | None) -> Any:
    return loads(unb64u(jws.read(statement or b"").payload), limit=LARGEST)


def _cursor(n: int) -> str:
    return b64u(n.to_bytes(CURSOR_SIZE, "big"))


def _number(cursor: str | None) -> int | None:
    try:
        return None if cursor is None else int.from_bytes(unb64u(cursor, size=CURSOR_SIZE), "big")
    except Malformed:
        return None
