"""Show a person what she allowed and everything that happened under it, for her code.

Nothing here is written, counted by code or logged: looking leaves no trace.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from exchange.consent.record import ConsentRecord
from exchange.hub.parts import Hub
from exchange.vocabulary import Scope

PAGE = 50
"""Events on one page."""

State = Literal["valid", "not-yet", "ended"]
Why = Literal["withdrawn", "agency", "agreement", "expired", "used-up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptSeen:
    """What became of one document at one recipient."""

    agency: str
    collected_at: datetime | None
    """When it could be opened for the first time; None: it was not collected."""
    result: Literal["accepted", "rejected", "quarantined"] | None
    """What the recipient has signed; None: nothing yet."""
    reason: str | None
    """Code of why it was rejected or set aside."""


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
    recipients: tuple[ReceiptSeen, ...]
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
    ended_at: datetime | None
    recorded_at: datetime
    used: int
    """Uses counted."""
    may_withdraw: bool
    """Whether withdrawing would still change anything."""
    erasures: tuple[ErasureSeen, ...]
    """In the order in which they were asked for, then by agency."""
    events: tuple[EventSeen, ...] = field(repr=False)
    """Newest first, at most `PAGE`."""
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
    raise NotImplementedError
