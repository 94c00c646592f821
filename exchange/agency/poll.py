"""Rounds of a gateway: what waits is received, what was interrupted goes on, answers are sent.

`fetch` makes one round; `run` makes them until it is told to stop, waiting at the hub in between.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import structlog

from exchange.agency import (
    arrivals,
    asked,
    cosign,
    declared,
    deliver,
    erase,
    follow,
    hand_over,
    prove,
    quarantine,
    send,
    spool,
    state,
    tail,
    withdraw,
)
from exchange.agency.forget import forget
from exchange.agency.hand_over import Reception
from exchange.agency.parts import Gateway
from exchange.agency.publish import publish
from exchange.agency.receive import Outcome, receive, resume
from exchange.agency.remind import remind
from exchange.days import day_of
from exchange.errors import ClockWrong, ExchangeError, Held, HubMisbehaves, StorageFull, positions
from exchange.wire import shapes

PAGE: Final = 50
"""Inbox entries asked for at a time."""
MOST_PAGES: Final = 1000
"""Pages of one round; the hub keeps at most 20,000 disclosures waiting for an agency."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Round:
    """What one round has done."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    troubles: list[ExchangeError] = field(default_factory=list)
    """What did not work and will be tried again."""
    cursor: str | None = None
    """Where in the inbox the round has ended."""
    asked: int = 0
    """Requests of partners that are new here."""
    erased: int = 0
    """Requests to erase that are answered: every copy here is gone."""
    to_erase: int = 0
    """New requests to erase that wait for people."""


async def fetch(gateway: Gateway, reception: Reception) -> Round:
    """Make one round: everything that waits now.

    Raises:
        Unavailable: the hub cannot be reached.
        Unauthenticated: the hub has not admitted this agency, or has suspended it.
    """
    done = Round()
    takes = hand_over.published(reception)
    runs = declared.published(gateway.settings, reception.declared)
    await publish(gateway, takes.model_copy(update={"plugins": runs}))
    await _resume(gateway, reception, done)
    await _look_through(gateway, reception, done)
    await _look_around(gateway, done)
    await _look_at_log(gateway, done)
    return done


async def run(
    gateway: Gateway,
    reception: Reception,
    stop: asyncio.Event,
    stir: asyncio.Event | None = None,
) -> None:
    """Make rounds until `stop` is set; a document being received is finished first.

    While the hub cannot be reached, pauses grow up to the longest of the settings. A gateway that
    is a witness of the log watches it all the while.

    Args:
        gateway: the parts.
        reception: where documents are converted.
        stop: ends the rounds.
        stir: whoever sets it wants the next round now.
    """
    watching = asyncio.create_task(cosign.watch(gateway, stop), name="witness")
    try:
        await _make_rounds(gateway, reception, stop, stir or asyncio.Event())
        await watching
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _make_rounds(
    gateway: Gateway, reception: Reception, stop: asyncio.Event, stir: asyncio.Event
) -> None:
    poll = gateway.settings.poll
    pause_s = 1.0
    forgotten: date | None = None
    while not stop.is_set():
        stir.clear()  # before the round: what is asked for during it is seen by the next
        try:
            done = await fetch(gateway, reception)
            if (today := day_of(gateway.clock())) != forgotten:
                await forget(gateway)
                forgotten = today
            pause_s = 1.0
            await _wait(gateway, reception, (stop, stir), done.cursor)
        except (ExchangeError, OSError) as trouble:
            if gateway.log.stopped:  # no round can do anything before somebody has looked
                raise
            _tell(trouble, pause_s)
            await _pause((stop, stir), pause_s)
            pause_s = min(pause_s * 2, poll.longest_pause_s)


def _tell(trouble: ExchangeError | OSError, pause_s: float) -> None:
    """Log why a round has failed; a full disk passes, as an outage of the hub does."""
    duration_ms = int(pause_s * 1000)
    if isinstance(trouble, OSError):
        at = positions(trouble)
        log.error("round_failed", code=StorageFull.code, positions=at, duration_ms=duration_ms)
        return
    code = "clock" if isinstance(trouble, ClockWrong) else trouble.code
    log.warning("round_failed", code=code, duration_ms=duration_ms)


async def _wait(
    gateway: Gateway, reception: Reception, ends: Sequence[asyncio.Event], after: str | None
) -> None:
    """Wait at the hub for new entries, until it is time for a whole round again."""
    poll = gateway.settings.poll
    loop = asyncio.get_running_loop()
    until = loop.time() + poll.look_again_s
    done = Round()
    while not _any(ends) and (left := int(until - loop.time())) > 0:
        page = await _unless(ends, gateway.client.inbox(after=after, wait=min(poll.wait_s, left)))
        if page is None:
            return
        for waiting in page.entries:
            await _take(gateway, reception, waiting, done)
        if not page.entries and not poll.wait_s:
            await _pause(ends, 1.0)
        after = page.next or after


async def _unless(
    ends: Sequence[asyncio.Event], question: Coroutine[None, None, shapes.Inbox]
) -> shapes.Inbox | None:
    """Return the answer to a question that may be dropped, or None once one of `ends` is set."""
    asked = asyncio.create_task(question, name="inbox")
    ended = [asyncio.create_task(end.wait(), name="end") for end in ends]
    try:
        await asyncio.wait({asked, *ended}, return_when=asyncio.FIRST_COMPLETED)
        return await asked if asked.done() else None
    finally:
        for task in (asked, *ended):
            task.cancel()
        await asyncio.gather(asked, *ended, return_exceptions=True)


async def _pause(ends: Sequence[asyncio.Event], seconds: float) -> None:
    ended = [asyncio.create_task(end.wait(), name="end") for end in ends]
    try:
        await asyncio.wait(ended, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)


def _any(ends: Sequence[asyncio.Event]) -> bool:
    return any(end.is_set() for end in ends)


async def _resume(gateway: Gateway, reception: Reception, done: Round) -> None:
    """Go on with what a crash or an outage has interrupted."""
    done.troubles += await send.resume(gateway)
    for received in await gateway.state.read(arrivals.list_received, arrivals.OPEN):
        done.outcomes[await resume(gateway, reception, received)] += 1
    await quarantine.finish(gateway)


async def _look_through(gateway: Gateway, reception: Reception, done: Round) -> None:
    """Receive everything in the inbox, from its beginning: also what was held before."""
    offered: set[str] = set()
    for _ in range(MOST_PAGES):
        page = await gateway.client.inbox(after=done.cursor, limit=PAGE)
        for waiting in page.entries:
            offered.add(await _take(gateway, reception, waiting, done))
        done.cursor = page.next or done.cursor
        if not page.entries:
            await gateway.state.write(state.forget_held, sorted(offered))
            await asked.keep_only(gateway, offered)
            await _sweep(gateway, offered)
            return
    raise HubMisbehaves("the hub's inbox does not end")


async def _take(
    gateway: Gateway, reception: Reception, waiting: shapes.Waiting, done: Round
) -> str:
    """Receive a document, or put a request where people read it; return its id."""
    if waiting.disclosure is not None:
        await _receive(gateway, reception, waiting.disclosure, done)
        return waiting.disclosure.id
    if waiting.request is None:
        raise HubMisbehaves("an entry of the inbox is empty")
    try:
        done.asked += await asked.take(gateway, waiting.request)
    except Held as held:
        now = gateway.clock()
        if await gateway.state.write(state.hold, waiting.request.id, held.reason, now):
            log.error("request_held", code=held.reason)
        done.outcomes[Outcome.HELD] += 1
    return waiting.request.id


async def _receive(
    gateway: Gateway, reception: Reception, offered: shapes.Disclosure, done: Round
) -> None:
    try:
        done.outcomes[await receive(gateway, reception, offered)] += 1
    except OSError as trouble:
        # The disk is full or broken: this document waits at the hub or is gone on with later.
        log.error("not_received", disclosure_id=offered.id, positions=positions(trouble))
        done.troubles.append(StorageFull("the disk of this gateway is full or does not answer"))


async def _look_around(gateway: Gateway, done: Round) -> None:
    done.troubles += await follow.follow(gateway)
    answers = await erase.erase(gateway)
    done.erased, done.to_erase = answers.erased, answers.asked
    done.troubles += answers.troubles
    await remind(gateway)
    await deliver.remove_fetched(gateway)
    await gateway.state.write(arrivals.forget_seen, gateway.clock())


async def _look_at_log(gateway: Gateway, done: Round) -> None:
    """Fetch the receipts that are owed, and read the log on."""
    done.troubles += await prove.catch_up(gateway)
    done.troubles += await withdraw.catch_up(gateway)
    await prove.alarm_held(gateway)
    try:
        await tail.tail(gateway)
    except Held as trouble:
        log.error("log_not_read", code=trouble.reason)
        done.troubles.append(trouble)


async def _sweep(gateway: Gateway, offered: set[str]) -> None:
    """Remove what crashes have left, now that it is known what is still offered."""
    working = offered | await gateway.state.read(arrivals.unfinished)
    kept = working | await gateway.state.read(arrivals.quarantined, gateway.clock())
    await asyncio.to_thread(spool.sweep, gateway.home, working, kept)
