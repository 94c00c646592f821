"""The log of an agency as an answer: see `exchange.hub.list_events`."""

from dataclasses import dataclass
from datetime import date

from exchange.days import begin_of
from exchange.hub.answers.frame import Answered, agency_of, newest_head
from exchange.hub.list_events import Listed, list_events
from exchange.hub.list_events import Wanted as Narrowed
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage.disclosures import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the list is narrowed to; None narrows nothing."""

    since: date | None = None
    """The first day, in German time."""
    until: date | None = None
    """The first day that does not count."""
    kind: str | None = None
    partner: str | None = None
    purpose: str | None = None
    category: str | None = None
    state: State | None = None
    consent: str | None = None


async def list_of_agency(
    hub: Hub, asker: Officer, wanted: Wanted, *, after: str | None, limit: int
) -> Answered[Wanted, tuple[Listed, ...]]:
    """Return a page of the log, the newest first; it may be short, and there may be more.

    Raises:
        NotPermitted: an auditor or operator.
        Malformed: not a cursor.
        Unavailable: the vault is away, and with it the trace of a look at one consent.
    """
    agency, now = agency_of(asker), hub.clock()
    found = await list_events(hub, asker, narrowed(wanted), after=after, limit=limit)
    return Answered(
        question="events",
        agency=agency,
        asked=wanted,
        answered_at=now,
        checkpoint=newest_head(hub),
        answer=found.events,
        next=found.next,
    )


def narrowed(wanted: Wanted) -> Narrowed:
    """Return the same in moments: days are German ones."""
    return Narrowed(
        since=None if wanted.since is None else begin_of(wanted.since),
        until=None if wanted.until is None else begin_of(wanted.until),
        kind=wanted.kind,
        partner=wanted.partner,
        purpose=wanted.purpose,
        category=wanted.category,
        state=wanted.state,
        consent=wanted.consent,
    )
