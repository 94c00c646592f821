"""List what the log says to an agency, the newest first: for its officers, page by page.

Each entry is judged on its own by `may_open`, as it is when it is read. A page looks at so many
entries and no more, however few of them are wanted; then it says how far it got, and the next one
goes on there. What it shows is noted in the log before it goes out, as every look of an officer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from exchange.canonical import loads
from exchange.errors import NotFound
from exchange.hub.about import About, read_about
from exchange.hub.cursor import read_cursor, write_cursor
from exchange.hub.may_open import NOBODY, Access, may_open
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.trace import record_export, record_look, record_read
from exchange.hub.parts import Hub
from exchange.hub.storage import concerns, consents, openings, reading
from exchange.hub.storage.concerns import RECORDED, WITHDRAWN, Held, Sent
from exchange.hub.storage.disclosures import State
from exchange.hub.storage.reading import Entry, Narrowed, Place

LOOKED: Final = 200
"""Entries that a page of the usual size looks at, however few of them it shows."""
SPARE: Final = 10
"""Entries beyond a page that are read with it: some of those read may be closed."""
TRACE: Final = "officer-export"
LARGEST_DETAIL: Final = 4096
_ENVELOPE: Final = frozenset({"v", "id", "kind", "at", "by", "detail"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is narrowed to; None narrows nothing."""

    since: datetime | None = None
    """The earliest moment, aware."""
    until: datetime | None = None
    """Everything came before it."""
    kind: str | None = None
    """Of events, as in `exchange.audit.event.MEMBERS`."""
    partner: str | None = None
    """An agency that did it, that it was addressed to, or with which it was agreed."""
    purpose: str | None = None
    category: str | None = None
    """These two of the document that it is about, else of the consent on whose chain it is."""
    state: State | None = None
    """Of the disclosure that it is about."""
    consent: str | None = None
    """Id of the record on whose chain it is."""

    @property
    def data(self) -> bool:
        """Whether only what is about some data can be meant: about a document, or a consent."""
        return self.purpose is not None or self.category is not None

    def admits(self, about: About | None) -> bool:
        """Tell whether what is about some data, or about none, is of this purpose and category."""
        if about is None:
            return not self.data
        category = self.category is None or self.category in about.categories
        return category and self.purpose in {None, about.purpose}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An event as its agency may see it."""

    index: int
    """Of its entry in the log."""
    rid: str
    """Name of its receipt."""
    at: datetime
    kind: str
    by: str
    """Agency, `hub` or `person`."""
    members: Mapping[str, Any] = field(repr=False)
    """What else is in the event, by its name there."""
    consent: str | None
    """Id of the record on whose chain it is; None too where the agency may not read that."""
    state: State | None
    """Of the disclosure that it is about, now."""
    why: str | None
    """Why something was refused or has ended; None too for whoever may not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """A page."""

    events: tuple[Listed, ...]
    next: str | None
    """Cursor behind which there may be more; None at the end."""
    looked_until: datetime | None
    """How far it looked, where it ends before it is full and before the list does."""
    newer: str | None = None
    """Cursor before which there may be newer ones; None on the first page."""


async def list_events(
    hub: Hub,
    asker: Officer,
    wanted: Wanted,
    *,
    after: str | None,
    limit: int,
    before: str | None = None,
) -> Events:
    """Return the next events that an officer's agency may see.

    Args:
        hub: the parts.
        asker: an officer of an agency.
        wanted: what the list is narrowed to. Narrowed to one consent it is a look at that
            consent too, which leaves a trace on its chain.
        after: cursor of the page before.
        limit: most events.
        before: cursor of the page behind, instead of `after`: for the way back.

    Raises:
        NotFound: the asker reads no content.
        Malformed: not a cursor.
        Unavailable: the vault is away, and with it the trace.
    """
    page = await find_events(hub, asker, wanted, after=after, limit=limit, before=before)
    # Behind the reading, so that a look never shows itself; before the answer all the same.
    await note_look(hub, asker, wanted)
    await _leave_trace(hub, asker, page.events)
    return page


async def find_events(
    hub: Hub,
    asker: Officer,
    wanted: Wanted,
    *,
    after: str | None,
    limit: int,
    before: str | None = None,
) -> Events:
    """Return what `list_events` returns and note nothing: its caller does, before it is shown."""
    behind, ahead = read_cursor(after), read_cursor(before)
    agency = _agency(asker)
    hidden = wanted.consent is not None and not await hub.db.read(_digest, agency, wanted.consent)
    if hidden:  # or absent: as if nothing had happened
        return Events(events=(), next=None, looked_until=None)
    if ahead is None:
        return await hub.db.read(_page, agency, wanted, behind, limit)
    return await hub.db.read(_page_before, agency, wanted, ahead, limit)


async def note_look(hub: Hub, asker: Officer, wanted: Wanted) -> None:
    """Note on its chain that an officer looks at the one consent a list is narrowed to.

    A list that is not narrowed to one, or to one that is hidden, notes nothing here.

    Raises:
        NotFound: the asker reads no content.
        Unavailable: the vault is away, and with it the trace.
    """
    agency = _agency(asker)
    if wanted.consent is None:
        return
    digest = await hub.db.read(_digest, agency, wanted.consent)
    if digest is not None:
        await record_read(hub, asker, digest)


def _agency(asker: Officer) -> str:
    if asker.agency is None:
        raise NotFound
    return asker.agency


async def _leave_trace(hub: Hub, asker: Officer, shown: Sequence[Listed]) -> None:
    """Note what is about to be shown; of nothing but such notes, else they had no end, the look."""
    if all(one.kind == TRACE for one in shown):
        await record_look(hub, asker)
        return
    indexes = [one.index for one in shown]
    await record_export(hub, asker, first=min(indexes), until=max(indexes) + 1, count=len(shown))


def _digest(conn: Connection, agency: str, consent: str) -> str | None:
    found = consents.seen(conn, consent, agency)
    return None if found is None else found.digest


def _page(
    conn: Connection, agency: str, wanted: Wanted, behind: Place | None, limit: int
) -> Events:
    found: list[tuple[Place, Listed]] = []
    came = behind
    first = limit + SPARE
    # What is read at once is asked about at once: mostly the first time is enough.
    for count in (first, max(first, LOOKED - first)):
        entries = _next(conn, agency, wanted, behind, count)
        found += _judged(conn, agency, wanted, entries)
        ended = len(entries) < count
        if len(found) > limit or (len(found) == limit and not ended):
            return _events(found[:limit], found[limit - 1][0], came)
        if ended:
            return _events(found, None, came)
        behind = entries[-1].place
    return _events(found, behind, came, looked=True)


def _page_before(conn: Connection, agency: str, wanted: Wanted, ahead: Place, limit: int) -> Events:
    """Return the page that ends right before a place; the first page, where it reaches it."""
    found: list[tuple[Place, Listed]] = []
    came, first = ahead, limit + SPARE
    for count in (first, max(first, LOOKED - first)):
        entries = _next(conn, agency, wanted, None, count, ahead=ahead)
        found = [*_judged(conn, agency, wanted, entries), *found]
        if len(found) >= limit:
            shown = found[-limit:]
            return _events(shown, shown[-1][0], shown[0][0])
        if len(entries) < count:
            return _page(conn, agency, wanted, None, limit)
        ahead = entries[0].place
    # Nothing more was looked at: what is older begins with the entry that this page ends before.
    behind = Place(came.at, came.index + 1)
    return replace(_events(found, behind, None), newer=write_cursor(ahead))


def _events(
    found: Sequence[tuple[Place, Listed]],
    behind: Place | None,
    came: Place | None,
    *,
    looked: bool = False,
) -> Events:
    """Return a page.

    Args:
        found: its events with their places.
        behind: where the next one goes on.
        came: the place it begins behind, or at; None is the beginning of the list.
        looked: whether it ends although it is not full.
    """
    newer = None
    if came is not None:
        # A page that shows nothing leads back to the entry it begins behind.
        newer = found[0][0] if found else Place(came.at, max(came.index - 1, 0))
    return Events(
        events=tuple(one for _, one in found),
        next=None if behind is None else write_cursor(behind),
        looked_until=behind.at if looked and behind is not None else None,
        newer=None if newer is None else write_cursor(newer),
    )


def _next(
    conn: Connection,
    agency: str,
    wanted: Wanted,
    behind: Place | None,
    count: int,
    *,
    ahead: Place | None = None,
) -> tuple[Entry, ...]:
    """Return the next entries that could be wanted, as far as the database can tell.

    The newest first; with `ahead` those right before it in the list.
    """
    if wanted.consent is not None:
        digest = _digest(conn, agency, wanted.consent)
        chain = None if digest is None else consents.chain(conn, digest)
        if chain is None:
            return ()
        return reading.of_chain(conn, chain, behind=behind, limit=count, ahead=ahead)
    # Notes of her own looks have no partner, no state and no data: they would only fill what is
    # looked at.
    fills = wanted.partner is not None or wanted.state is not None or wanted.data
    without = TRACE if fills else None
    narrowed = Narrowed(kind=wanted.kind, since=wanted.since, until=wanted.until, without=without)
    return reading.listed(conn, agency, narrowed=narrowed, behind=behind, limit=count, ahead=ahead)


def _judged(
    conn: Connection, agency: str, wanted: Wanted, entries: Sequence[Entry]
) -> Iterator[tuple[Place, Listed]]:
    """Yield what is wanted and open, in its order."""
    held, sent = concerns.held(conn, entries), concerns.sent(conn, entries)
    likely = [
        one
        for one in (_Case(agency, entry, held, sent) for entry in entries)
        if one.answers(wanted)
    ]
    about: Mapping[int, About] = {}
    if wanted.data:
        about = read_about(conn, [one.entry for one in likely])
        likely = [one for one in likely if wanted.admits(about.get(one.entry.place.index))]
    if not likely:
        return
    standing = openings.standing(conn, agency, [one.entry.found for one in likely])
    for one in likely:
        access = may_open(agency, one.entry.found, standing)
        role = standing.consents.get(one.entry.found.chain or "", NOBODY)
        data = about.get(one.entry.place.index)
        # What only the record says nobody learns by looking for it who may not read the record.
        if access.opening and (data is None or not data.recorded or role.reads):
            yield one.entry.place, one.shown(access, reads=role.reads)


@dataclass(frozen=True, slots=True)
class _Case:
    """An entry in front of an agency, with what is known about what it names."""

    agency: str
    entry: Entry
    consents: Mapping[str, Held]
    disclosures: Mapping[tuple[str, str], Sent]

    @property
    def held(self) -> Held | None:
        return self.consents.get(self.entry.found.chain or "")

    @property
    def sent(self) -> Sent | None:
        manifest = self.entry.event.get("manifest", "")
        return self.disclosures.get((self.entry.found.chain or "", manifest))

    def answers(self, wanted: Wanted) -> bool:
        """Tell whether it is what is wanted, if it is open and about such data."""
        event, at = self.entry.event, self.entry.place.at
        return (
            wanted.kind in {None, event["kind"]}
            and (wanted.since is None or wanted.since <= at)
            and (wanted.until is None or at < wanted.until)
            and (
                wanted.state is None or (self.sent is not None and self.sent.state == wanted.state)
            )
            and (wanted.partner is None or wanted.partner in self.partners())
        )

    def partners(self) -> frozenset[str]:
        """Return the agencies that an agency to which it is open knows to have to do with it."""
        event = self.entry.event
        to = event.get("to", ())
        named = {event["by"], *([to] if isinstance(to, str) else to)}
        if self.sent is not None:
            named.add(self.sent.sender)
        if self.held is not None and event["kind"] in {RECORDED, WITHDRAWN}:
            # Whoever is not named in a record does not learn here who is.
            parties = self.held.parties | {self.held.collector}
            named |= parties if self.agency in parties else set()
        return frozenset(named)

    def shown(self, access: Access, *, reads: bool) -> Listed:
        """Return it as the agency may see it.

        Args:
            access: the opening at least.
            reads: whether the agency may read the consent.
        """
        found, event = self.entry.found, self.entry.event
        return Listed(
            index=self.entry.place.index,
            rid=found.rid,
            at=self.entry.place.at,
            kind=found.kind,
            by=event["by"],
            members={name: value for name, value in event.items() if name not in _ENVELOPE},
            consent=self.held.id if reads and self.held is not None else None,
            state=None if self.sent is None else self.sent.state,
            why=_why(found.detail) if access.detail else None,
        )


def _why(detail: bytes | None) -> str | None:
    told = {} if detail is None else loads(detail, limit=LARGEST_DETAIL)
    found: str | None = told.get("why", told.get("reason"))
    return found
