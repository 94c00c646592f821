"""What an officer should look into: found among what the log says to her agency, and listed.

Each finding is judged as it is read: `may_open` says whether the agency may open the entry, and
what of it. What it may not know is not counted either (`exchange.hub.answers.overview`). A page
looks at so many entries and no more, the newest first; then it says where to go on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

from sqlalchemy import Connection

from exchange.canonical import loads
from exchange.days import begin_of, day_of, end_of, working_day_after
from exchange.errors import Malformed
from exchange.hub.answers.frame import Answered, agency_of, newest_head
from exchange.hub.cursor import read_cursor, write_cursor
from exchange.hub.may_open import NOBODY, may_open
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_findings, openings, reading
from exchange.hub.storage.openings import Role
from exchange.hub.storage.reading import Entry, Narrowed, Place
from exchange.hub.stored import received_at
from exchange.statement import LARGEST

LATELY: Final = timedelta(days=30)
"""How far back findings reach where nobody asks for another time; and how far ahead an end is."""
LOOKED: Final = 200
"""Entries of one kind that a page looks at."""
WINDOW: Final = 100
"""Entries that are judged at once."""
OWN_BASIS: Final = "own-legal-basis"
REFUSED: Final = "disclosure-refused"
"""The kind of event that tells of a refusal."""

Finding = Literal[
    "sent-after-withdrawal",
    "recorded-late",
    "kept-on-own-basis",
    "refused",
    "warnings",
    "consents-ending",
    "looks",
]
FINDINGS: Final[tuple[Finding, ...]] = get_args(Finding)
"""The gravest first."""
ENDING: Final = "consents-ending"
"""The one that is found among what will be, not among what happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The question. Without days: the last `LATELY`; of consents that end there are none."""

    finding: Finding
    since: date | None = None
    """The first day, in German time."""
    until: date | None = None
    """The first day that does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing to look into; what does not belong to its finding is None or empty."""

    at: datetime
    """When it happened; of a consent that ends: the deadline of the request."""
    index: int | None
    """Of its entry in the log."""
    by: str
    """Agency, `hub` or `person`: who did it, or asks."""
    consent: str | None
    """Id of the record; None too where the agency may not read that."""
    disclosures: tuple[str, ...] = ()
    """Sent after an agency was told of the withdrawal and before it was recorded."""
    erasure: str | None = None
    request: str | None = None
    asked: str | None = None
    """Whom the request asks."""
    received_at: datetime | None = None
    """When the withdrawal reached the agency that took it down, as that one says."""
    until: datetime | None = None
    """When the consent ends; half open."""
    officer: str | None = None
    """Account, or `gateway`, that has looked."""
    codes: tuple[str, ...] = ()
    """Rules that warned, or why something was refused, for who may know."""


async def list_findings(
    hub: Hub, asker: Officer, wanted: Wanted, *, after: str | None, limit: int
) -> Answered[Wanted, tuple[Found, ...]]:
    """Return a page of one finding, the newest first; it may be short, and there may be more.

    A page with something on it leaves an `officer-export` on the agency's chain before it goes
    out.

    Args:
        hub: the parts.
        asker: an officer of an agency.
        wanted: which finding, of which days.
        after: cursor of the page before.
        limit: most rows.

    Raises:
        NotPermitted: the asker reads no records.
        Malformed: not a cursor, or days where they mean nothing.
        Unavailable: the vault is away, and with it the trace.
    """
    agency, now = agency_of(asker), hub.clock()
    asked = _completed(wanted, now)
    found, behind = await hub.db.read(_found, hub, asker, asked, after, limit)
    head = newest_head(hub)
    if found:
        indexes = [one.index for one in found if one.index is not None]
        size = 0 if head is None else head.size
        # What else a row names lies elsewhere in the log: the note says so.
        named = any(one.disclosures for one in found) or not indexes
        first, until = (0, size) if named else (min(indexes), max(indexes) + 1)
        await trace.record_export(hub, asker, first=first, until=until, count=len(found))
    else:
        await trace.record_look(hub, asker)
    return Answered(
        question="findings",
        agency=agency,
        asked=asked,
        answered_at=now,
        checkpoint=head,
        answer=found,
        next=behind,
    )


def narrowed(wanted: Wanted, now: datetime) -> Narrowed:
    """Return among which entries a finding is looked for; of `ENDING` there are none."""
    asked = _completed(wanted, now)
    return Narrowed(
        kind=_RULES[wanted.finding].kind,
        since=None if asked.since is None else begin_of(asked.since),
        until=None if asked.until is None else begin_of(asked.until),
    )


def is_late(recorded: datetime, *, told: datetime) -> bool:
    """Tell whether a withdrawal was recorded later than on the working day after it was told."""
    return recorded >= end_of(working_day_after(day_of(told)))


def _completed(wanted: Wanted, now: datetime) -> Wanted:
    """Return the question with the days that it is about."""
    if wanted.finding == ENDING:
        if wanted.since is not None or wanted.until is not None:
            raise Malformed("consents that end are asked for without days")
        return wanted
    today = day_of(now)
    return replace(
        wanted,
        since=wanted.since or today - LATELY,
        until=wanted.until or today + timedelta(days=1),
    )


def _found(
    conn: Connection, hub: Hub, asker: Officer, wanted: Wanted, after: str | None, limit: int
) -> tuple[tuple[Found, ...], str | None]:
    """Return a page and the cursor behind it."""
    if wanted.finding == ENDING:
        return _ending(conn, hub, asker, after, limit)
    within = narrowed(wanted, hub.clock())
    return _walked(conn, asker, wanted.finding, within, behind=read_cursor(after), limit=limit)


# Consents that end while somebody asks for documents


def _ending(
    conn: Connection, hub: Hub, asker: Officer, after: str | None, limit: int
) -> tuple[tuple[Found, ...], str | None]:
    now = hub.clock()
    rows = answers_findings.ending(
        conn, agency_of(asker), now=now, before=now + LATELY, after=after, limit=limit
    )
    found = tuple(
        Found(
            at=one.deadline,
            index=None,
            by=one.by,
            consent=one.consent,
            request=one.request,
            asked=one.asked,
            until=one.valid_until,
        )
        for one in rows
    )
    return found, rows[-1].request if len(rows) == limit else None


# What happened


def _walked(
    conn: Connection,
    asker: Officer,
    finding: Finding,
    within: Narrowed,
    *,
    behind: Place | None,
    limit: int,
) -> tuple[tuple[Found, ...], str | None]:
    """Walk down the agency's entries of one kind and keep what is a finding."""
    agency = agency_of(asker)
    rule = _RULES[finding]
    kept: list[tuple[Place, Found]] = []
    for _ in range(LOOKED // WINDOW):
        entries = reading.listed(conn, agency, narrowed=within, behind=behind, limit=WINDOW)
        kept += _judged(conn, asker, rule, entries)
        ended = len(entries) < WINDOW
        if len(kept) > limit or (len(kept) == limit and not ended):
            return tuple(one for _, one in kept[:limit]), write_cursor(kept[limit - 1][0])
        if ended:
            return tuple(one for _, one in kept), None
        behind = entries[-1].place
    return tuple(one for _, one in kept), None if behind is None else write_cursor(behind)


def _judged(
    conn: Connection, asker: Officer, rule: "_Rule", entries: Sequence[Entry]
) -> Iterator[tuple[Place, Found]]:
    """Yield what is a finding and open to the asker's agency, in its order."""
    agency = agency_of(asker)
    likely = [*rule.sift(conn, asker, entries)]
    if not likely:
        return
    standing = openings.standing(conn, agency, [entry.found for entry, _ in likely])
    names = answers_findings.ids(conn, {entry.found.chain or "" for entry, _ in likely})
    for entry, found in likely:
        access = may_open(agency, entry.found, standing)
        role = standing.consents.get(entry.found.chain or "", NOBODY)
        if access.opening and rule.may(role):
            consent = names.get(entry.found.chain or "") if role.reads else None
            codes = found.codes if access.detail or not rule.detailed else ()
            yield entry.place, replace(found, consent=consent, codes=codes)


_Sift: TypeAlias = Callable[[Connection, Officer, Sequence[Entry]], Iterator[tuple[Entry, Found]]]


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one finding is made of entries."""

    kind: str
    """Of their events."""
    sift: _Sift
    """Yields those that are one, if the agency may open them."""
    may: Callable[[Role], bool] = lambda _: True
    """Whether an agency in such a role to the consent may know that it is one."""
    detailed: bool = False
    """Whether its codes are a detail, which not all may have who may open the entry."""


def _told(entry: Entry) -> Found:
    return Found(at=entry.place.at, index=entry.place.index, by=entry.event["by"], consent=None)


def _withdrawn(
    conn: Connection, entries: Sequence[Entry]
) -> list[tuple[Entry, answers_findings.Withdrawal, datetime]]:
    """Return the withdrawals that reached an agency first, with when they did."""
    rows = answers_findings.withdrawals(conn, _chains(entries))
    told = [(one, rows[one.found.chain or ""]) for one in entries if one.found.chain in rows]
    return [
        (entry, row, received)
        for entry, row in told
        if (received := received_at(row.statement)) is not None
    ]


def _sent_after(
    conn: Connection, asker: Officer, entries: Sequence[Entry]
) -> Iterator[tuple[Entry, Found]]:
    told = [one for one in _withdrawn(conn, entries) if one[2] < one[1].recorded_at]
    spans = [(row.consent, received, row.recorded_at) for _, row, received in told]
    sent = answers_findings.stored_between(conn, agency_of(asker), spans)
    for entry, row, received in told:
        if row.consent in sent:
            found = _told(entry)
            yield entry, replace(found, received_at=received, disclosures=sent[row.consent])


def _recorded_late(
    conn: Connection, _: Officer, entries: Sequence[Entry]
) -> Iterator[tuple[Entry, Found]]:
    for entry, row, received in _withdrawn(conn, entries):
        if is_late(row.recorded_at, told=received):
            yield entry, replace(_told(entry), received_at=received)


def _kept(conn: Connection, _: Officer, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Found]]:
    answered = {one.event["erasure"] for one in entries if one.event["result"] == "kept"}
    kept = answers_findings.kept(conn, answered, OWN_BASIS)
    for entry in entries:
        erasure = entry.event["erasure"]
        if erasure in kept:
            yield entry, replace(_told(entry), erasure=erasure)


def _warned(
    conn: Connection, _: Officer, entries: Sequence[Entry]
) -> Iterator[tuple[Entry, Found]]:
    warned = answers_findings.warnings(conn, _chains(entries))
    for entry in entries:
        if entry.found.chain in warned:
            yield entry, replace(_told(entry), codes=warned[entry.found.chain])


def _looked(
    _: Connection, asker: Officer, entries: Sequence[Entry]
) -> Iterator[tuple[Entry, Found]]:
    for entry in entries:
        if entry.event["officer"] != asker.id:
            yield entry, replace(_told(entry), officer=entry.event["officer"])


def _refused(_: Connection, __: Officer, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Found]]:
    for entry in entries:
        detail = entry.found.detail
        told = {} if detail is None else loads(detail, limit=LARGEST)
        codes = tuple(str(told.get("reason", "")).split())
        yield entry, replace(_told(entry), codes=codes)


def _chains(entries: Sequence[Entry]) -> frozenset[str]:
    return frozenset(one.found.chain for one in entries if one.found.chain is not None)


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "sent-after-withdrawal": _Rule("consent-withdrawn", _sent_after),
        "recorded-late": _Rule("consent-withdrawn", _recorded_late),
        "kept-on-own-basis": _Rule("erasure-confirmed", _kept),
        "refused": _Rule(REFUSED, _refused, detailed=True),
        "warnings": _Rule("consent-recorded", _warned, may=lambda role: role.collected),
        "looks": _Rule("officer-read", _looked),
    }
)
