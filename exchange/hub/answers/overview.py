"""What an officer's first page says: how the log is doing, how her agency stands, what was found.

Findings of the last days are counted, not read: a count costs a look into indexes for each entry
of its kind. It is exact up to `COUNTED` entries; then it says that there may be more. Of refusals
the last week is compared with the weeks before (`exchange.audit.refusals`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from sqlalchemy import Connection, Subquery

from exchange.audit.refusals import MOST, MOST_BEFORE, Refusals, compared
from exchange.days import begin_of, day_of
from exchange.hub.answers.findings import (
    ENDING,
    FINDINGS,
    LATELY,
    OWN_BASIS,
    REFUSED,
    Finding,
    Wanted,
    is_late,
    narrowed,
)
from exchange.hub.answers.frame import Answered, NoQuestion, agency_of, newest_head
from exchange.hub.officers import attention, trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.attention import LogHealth, Standing
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_findings, count_findings, reading
from exchange.hub.storage.reading import Narrowed
from exchange.hub.stored import received_at

COUNTED: Final = 10_000
"""Entries of one kind within `LATELY` that a count looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many there are of one finding."""

    finding: Finding
    count: int
    more: bool
    """Whether there may be more, among older entries that were not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What an officer's first page says."""

    log: LogHealth
    standing: Standing
    findings: tuple[Count, ...]
    """Each of them, also where nothing was found."""
    refusals: Refusals
    """Whether those of the last week are more than the agency is used to."""


async def show_overview(hub: Hub, asker: Officer) -> Answered[NoQuestion, Overview]:
    """Return how the log is doing, how the agency stands, and how many findings there are.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: the vault is away, and with it the trace.
    """
    agency, now = agency_of(asker), hub.clock()
    log, standing = attention.log_health(hub), await attention.standing_of(hub, agency)
    return Answered(
        question="overview",
        agency=agency,
        asked=NoQuestion(),
        answered_at=now,
        checkpoint=newest_head(hub),
        answer=Overview(
            log=log,
            standing=standing,
            findings=await count(hub, asker),
            refusals=await count_refusals(hub, asker),
        ),
    )


async def count(hub: Hub, asker: Officer) -> tuple[Count, ...]:
    """Return how many there are of each finding; see `Overview`.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: the vault is away, and with it the trace.
    """
    agency_of(asker)
    await trace.record_look(hub, asker)
    now = hub.clock()
    found: dict[Finding, Count] = {}
    for findings in _TOGETHER:  # each in a unit of its own, so that none is long
        found |= await hub.db.read(_counted, findings, asker, now)
    return tuple(found[finding] for finding in FINDINGS)


async def count_refusals(hub: Hub, asker: Officer) -> Refusals:
    """Return how many disclosures were refused lately, and in the weeks before.

    Leaves no trace: whoever asks has called `count` before, which leaves one.

    Raises:
        NotPermitted: the asker reads no records.
    """
    return await hub.db.read(_refusals, agency_of(asker), day_of(hub.clock()))


def _refusals(conn: Connection, agency: str, today: date) -> Refusals:
    days = compared(today)

    def among(first: date, end: date, most: int) -> int:
        within = Narrowed(kind=REFUSED, since=begin_of(first), until=begin_of(end))
        return count_findings.entries(conn, reading.newest(agency, within, limit=most))

    return Refusals(
        lately=among(days.lately, days.until, MOST),
        before=among(days.before, days.lately, MOST_BEFORE),
    )


def _counted(
    conn: Connection, findings: tuple[Finding, ...], asker: Officer, now: datetime
) -> dict[Finding, Count]:
    if findings == (ENDING,):
        ending = count_findings.ending(
            conn, agency_of(asker), now=now, before=now + LATELY, limit=COUNTED + 1
        )
        return {ENDING: Count(finding=ENDING, count=min(ending, COUNTED), more=ending > COUNTED)}
    within = narrowed(Wanted(finding=findings[0]), now)
    looked = reading.newest(agency_of(asker), within, limit=COUNTED + 1)
    more = count_findings.entries(conn, looked) > COUNTED
    mine = reading.newest(agency_of(asker), within, limit=COUNTED)
    counts = _COUNTS[findings](conn, mine, asker)
    return {
        finding: Count(finding=finding, count=counted, more=more)
        for finding, counted in zip(findings, counts, strict=True)
    }


_Counting: TypeAlias = Callable[[Connection, Subquery, Officer], tuple[int, ...]]


def _of_withdrawals(conn: Connection, mine: Subquery, asker: Officer) -> tuple[int, int]:
    """Count what was sent after them, and which of them were recorded late."""
    told = list(_told(conn, mine))
    spans = [one for one in told if one[1] < one[2]]
    sent = answers_findings.stored_between(conn, agency_of(asker), spans)
    return len(sent), sum(is_late(recorded, told=received) for _, received, recorded in told)


def _told(conn: Connection, mine: Subquery) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield consents whose withdrawal reached an agency first: when, and when it was recorded."""
    for one in count_findings.withdrawals(conn, mine):
        told = received_at(one.statement)
        if told is not None:
            yield one.consent, told, one.recorded_at


_COUNTS: Final[Mapping[tuple[Finding, ...], _Counting]] = MappingProxyType(
    {
        ("sent-after-withdrawal", "recorded-late"): _of_withdrawals,
        ("kept-on-own-basis",): lambda conn, mine, _: (count_findings.kept(conn, mine, OWN_BASIS),),
        ("refused",): lambda conn, mine, _: (count_findings.entries(conn, mine),),
        ("warnings",): lambda conn, mine, asker: (
            count_findings.warnings(conn, mine, agency_of(asker)),
        ),
        ("looks",): lambda conn, mine, asker: (count_findings.looks(conn, mine, asker.id),),
    }
)
"""How those that are found among the same entries are counted, together."""
_TOGETHER: Final = (*_COUNTS, (ENDING,))
