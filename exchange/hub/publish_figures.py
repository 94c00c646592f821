"""Publish the figures of agreements: a loop that freezes each month when its time has come.

Fourteen days after its end a month is counted and its figures are made, with those of the quarter
and the year that end with it; they are never made again. Months are frozen in their order, so
that what a later table may say is decided against everything that is out.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection

from exchange.errors import ExchangeError, Unavailable
from exchange.figures.measure import Place, direction, places
from exchange.figures.period import Period, month_of, newest_due, next_month, read_period
from exchange.figures.suppress import publish
from exchange.figures.table import Table
from exchange.figures.tally import Happened, Tally, tally
from exchange.hub.count_month import of_consents, of_disclosures, of_requests
from exchange.hub.follow_log import catch_up
from exchange.hub.parts import Hub
from exchange.hub.relay import pause
from exchange.hub.storage import agreements, figures, reading
from exchange.hub.storage.figures import Page, Unfrozen
from exchange.hub.storage.reading import Place as InLog

BATCH: Final = 100
"""Consents that are looked at together, and agreements: a unit of work stays short."""
ENTRIES: Final = 1000
"""Entries of the log that are looked through together."""
ROUND_S: Final = 3600.0
"""Seconds between two looks for months that are due."""


async def publish_figures(hub: Hub) -> None:
    """Freeze every month that is due, of every agreement.

    Raises:
        Unavailable: something of those months is not in the log yet, or was not followed: what
            happened would be counted in part, and never again.
    """
    last, after = newest_due(hub.clock()), ""
    await catch_up(hub)
    if await hub.db.read(reading.lags, last.end):
        raise Unavailable
    while page := await hub.db.read(figures.unfrozen, last, after=after, limit=BATCH):
        for found in page:
            await _catch_up(hub, found, last)
        after = page[-1].digest


async def run(hub: Hub, stop: asyncio.Event) -> None:
    """Publish once an hour until `stop` is set."""
    while not stop.is_set():
        try:
            await publish_figures(hub)
        except ExchangeError as error:
            structlog.get_logger("exchange.hub.figures").warning(
                "figures-wait", code=type(error).__name__
            )
        await pause(stop, ROUND_S)


async def _catch_up(hub: Hub, found: Unfrozen, last: Period) -> None:
    at = month_of(found.recorded_at)
    if found.newest is not None:
        at = next_month(read_period(found.newest))
    while at <= last:
        # Seldom, as it looks at every consent that is kept; and more than once a year, as a replica
        # that was late may have drawn a number again.
        if at.first % 3 == 1:
            await _forget_numbers(hub, found.digest, at.year)
        if not await _freeze(hub, found.digest, at):
            return  # another replica has, or the agreement is gone
        at = next_month(at)


async def _forget_numbers(hub: Hub, agreement: str, year: int) -> None:
    """Delete the numbers that consents had in the years before."""
    while await hub.db.write_behind(figures.forget_numbers, agreement, before=year, limit=BATCH):
        continue


async def _freeze(hub: Hub, agreement: str, month: Period) -> bool:
    """Count a month and publish what ends with it; a crash before the end changes nothing."""
    counted = tally(month, await _happened(hub, agreement, month))
    earlier = await hub.db.read(_earlier, hub, agreement, month.year)
    if earlier is None:
        return False
    tables = await asyncio.to_thread(
        earlier.with_month, counted, at=hub.clock().replace(microsecond=0)
    )
    return await hub.db.write_behind(figures.freeze, agreement, counted, tables)


async def _happened(hub: Hub, agreement: str, month: Period) -> list[Happened]:
    happened: list[Happened] = []
    found = sorted(await _concerned(hub, agreement, month))
    for first in range(0, len(found), BATCH):
        happened += await _under(hub, found[first : first + BATCH], month)
    asked = await hub.db.read(figures.counted_requests, agreement, month)
    named = {request.consent for request in asked if request.consent is not None}
    return [*happened, *of_requests(asked, await _numbers(hub, named, month), month)]


async def _concerned(hub: Hub, agreement: str, month: Period) -> frozenset[str]:
    """Return the consents to which something happened in a month, by the log of the parties."""
    found = frozenset[str]()
    for party in await hub.db.read(figures.parties, agreement):
        behind: InLog | None = None
        while True:
            page = Page(party=party, month=month, behind=behind, limit=ENTRIES)
            more, behind = await hub.db.read(figures.concerned, agreement, page)
            found |= more
            if behind is None:
                break
    return found


async def _under(hub: Hub, digests: Collection[str], month: Period) -> list[Happened]:
    recorded = await hub.db.read(figures.counted_consents, digests, month)
    sent = await hub.db.read(figures.addressed, digests, month)
    concerned = {one.digest for one in recorded} | {one.consent for one in sent}
    numbers = await _numbers(hub, concerned, month)
    # What was erased since it was read has no number, and is not counted.
    return [
        *of_consents((one for one in recorded if one.digest in numbers), numbers, month),
        *of_disclosures((one for one in sent if one.consent in numbers), numbers, month),
    ]


async def _numbers(hub: Hub, digests: Collection[str], month: Period) -> Mapping[str, int]:
    drawn: dict[str, int] = {}
    for first in range(0, len(digests), BATCH):
        batch = sorted(digests)[first : first + BATCH]
        drawn |= await hub.db.write_behind(figures.number, batch, month.year)
    return drawn


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What stands of the year before a month is frozen."""

    possible: frozenset[Place]
    tallies: tuple[Tally, ...]
    tables: tuple[Table, ...]

    def with_month(self, counted: Tally, *, at: datetime) -> tuple[Table, ...]:
        return publish(self.possible, (*self.tallies, counted), self.tables, at=at)


def _earlier(conn: Connection, hub: Hub, agreement: str, year: int) -> _Earlier | None:
    stored = agreements.by_digest(conn, agreement)
    if stored is None:
        return None
    terms, _ = hub.records.agreement(conn, agreement, stored.statement)
    return _Earlier(
        places(
            terms.purposes,
            ((direction(one.sender, one.recipient), one.categories) for one in terms.flows),
        ),
        figures.tallies_of(conn, agreement, year),
        figures.published_in(conn, agreement, year),
    )
