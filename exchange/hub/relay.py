"""Sends what the outbox holds: merged, with backoff, never about something that ended.

A loop beside the requests, in every replica. What it sends says nothing but "look"; it goes out
after the commit of what it is about, at least once, under the same id at every attempt.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from exchange.errors import ExchangeError, Undeliverable, positions
from exchange.hookspecs import Channel, Notice, NoticeKind
from exchange.hub.fall_back import after_failure, after_refusal
from exchange.hub.notice_words import words
from exchange.hub.parts import Hub
from exchange.hub.settings import Notices
from exchange.hub.storage import notices
from exchange.hub.storage.notices import Kind, Retry, Taken, Waiting
from exchange.hub.storage.reaches import Destination

TICK_S = 1.0
"""Seconds between two looks at the outbox."""
MARGIN = timedelta(seconds=30)
"""How much longer than a delivery may take what a relay has taken stays its own."""
AT_ONCE = 16
"""Notices under way; who does not answer holds one place for as long as a delivery may take."""

KINDS: Final[Mapping[Kind, NoticeKind]] = {
    "disclosure": NoticeKind.WAITING,
    "reminder": NoticeKind.REMINDER,
    "erasure": NoticeKind.TASK,
    "erasure-reminder": NoticeKind.TASK,
    "erasure-overdue": NoticeKind.TASK,
    "overdue": NoticeKind.REMINDER,
    "request": NoticeKind.TASK,
    "resend": NoticeKind.TASK,
}
"""What a receiver is told about each cause: less than the cause."""
TASKS = frozenset(kind for kind, told in KINDS.items() if told is NoticeKind.TASK)
"""Causes that neither quiet hours nor a digest hold up: somebody's deadline is running."""
_URGENCY = (NoticeKind.WAITING, NoticeKind.REMINDER, NoticeKind.TASK, NoticeKind.TECHNICAL)


@dataclass(slots=True)
class _Breaker:
    """Failures of one channel of one agency in a row, and until when it rests."""

    failures: int = 0
    rests_until: datetime | None = None


class Relay:
    """The state between two looks: what is under way, and how the channels are doing."""

    def __init__(self, settings: Notices) -> None:
        self._settings = settings
        # Of each agency's own channel: where one agency's server is away, the others are told.
        self._breakers: dict[Destination, _Breaker] = defaultdict(_Breaker)
        self._under_way: set[asyncio.Task[int]] = set()

    async def send_due(self, hub: Hub) -> int:
        """Send every notice whose time has come, and return how many were delivered.

        Several relays share the work: what one has taken in hand, no other sends.
        """
        try:
            delivered = await self.look(hub)
            while self._under_way:
                delivered += await self._ended(wait=True) + await self.look(hub)
        finally:
            for sending in self._under_way:
                sending.cancel()
        return delivered

    async def look(self, hub: Hub) -> int:
        """Begin to send what is due, and return how many were delivered since the last look.

        Waits for room, and not for what it has begun: who does not answer holds up nobody else.
        """
        delivered = await self._ended(wait=False)
        # Asked of a reader first: mostly nothing is due, and the writer is left alone.
        while await hub.db.read(notices.any_due, now=hub.clock()):
            while len(self._under_way) >= AT_ONCE:
                delivered += await self._ended(wait=True)
            now = hub.clock()
            until = now + timedelta(seconds=self._settings.send_s) + MARGIN
            quiet = timedelta(seconds=self._settings.quiet_s)
            taken = await hub.db.write(notices.take, now=now, quiet=quiet, until=until, tasks=TASKS)
            if taken is None:  # another relay was quicker
                break
            if taken.waiting:
                self._under_way.add(asyncio.create_task(self._told(hub, taken, now)))
        return delivered

    async def finish(self) -> None:
        """Wait for what is under way; each ends by its time limit."""
        while self._under_way:
            await self._ended(wait=True)

    async def _ended(self, *, wait: bool) -> int:
        """Return how many of those that have ended were delivered; `wait` for one at least."""
        if not self._under_way:
            return 0
        ended, self._under_way = await asyncio.wait(
            self._under_way,
            timeout=None if wait else 0,
            return_when=asyncio.FIRST_COMPLETED,
        )
        return sum(sending.result() for sending in ended)

    async def _told(self, hub: Hub, taken: Taken, now: datetime) -> int:
        log = structlog.get_logger("exchange.hub.relay")
        try:
            return await self._send(hub, taken, now)
        except ExchangeError as error:  # of the database: what was taken is due again by itself
            log.warning("relay-waits", code=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a defect costs these notices their turn only
            log.error("relay-failed", positions=positions(error))
        return 0

    async def _send(self, hub: Hub, taken: Taken, now: datetime) -> int:
        """Send one notice for all that was taken, which is one agency's on one channel."""
        to = taken.reach.channels[taken.place]
        channel, breaker = hub.channels.get(to.channel), self._breakers[to]
        if breaker.rests_until is not None and now < breaker.rests_until:
            await self._go_on(hub, taken, now, rests_until=breaker.rests_until)
            return 0
        notice = merged(taken, hub_name=self._settings.hub_name)
        try:
            delivered = channel is not None and await self._delivered(channel, notice)
        except Undeliverable:
            await self._leave_out(hub, taken, now)
            return 0
        if not delivered:
            await self._failed(hub, taken, breaker, now)
            return 0
        breaker.failures = 0
        # A crash before the next commit sends it again under the same id: at least once.
        ids = [waiting.id for waiting in taken.waiting]
        await hub.db.write(notices.sent, ids, at=hub.clock())
        return 1

    async def _delivered(self, channel: Channel, notice: Notice) -> bool:
        log = structlog.get_logger("exchange.hub.relay")
        try:
            async with asyncio.timeout(self._settings.send_s):
                await channel.send(notice)
        except Undeliverable:
            raise
        except (ExchangeError, TimeoutError) as error:
            log.warning("notice-failed", plugin=channel.key, code=type(error).__name__)
            return False
        except Exception as error:  # noqa: BLE001 - foreign code may do anything; try again later
            log.error("notice-failed", plugin=channel.key, positions=positions(error))
            return False
        return True

    async def _failed(self, hub: Hub, taken: Taken, breaker: _Breaker, now: datetime) -> None:
        breaker.failures += 1
        if breaker.failures >= self._settings.breaker_failures:
            breaker.rests_until = now + timedelta(seconds=self._settings.breaker_s)
            breaker.failures = 0
        given_up = now - timedelta(seconds=self._settings.give_up_s)
        old = tuple(waiting for waiting in taken.waiting if waiting.created_at <= given_up)
        await _park(hub, old, now)
        young = tuple(waiting for waiting in taken.waiting if waiting.created_at > given_up)
        await self._go_on(hub, replace(taken, waiting=young), now, rests_until=None)

    async def _go_on(
        self, hub: Hub, taken: Taken, now: datetime, *, rests_until: datetime | None
    ) -> None:
        """Let these wait for the same channel, or for the next one if it has failed for long."""
        hows = {
            waiting.id: after_failure(
                waiting,
                taken.place,
                len(taken.reach.channels),
                now,
                settings=self._settings,
                rests_until=rests_until,
            )
            for waiting in taken.waiting
        }
        await hub.db.write(notices.retry, hows)

    async def _leave_out(self, hub: Hub, taken: Taken, now: datetime) -> None:
        """Give these to the next channel; park what no channel will take."""
        log = structlog.get_logger("exchange.hub.relay")
        name, channels = taken.reach.channels[taken.place].channel, len(taken.reach.channels)
        hows: dict[str, Retry] = {}
        for waiting in taken.waiting:
            how = after_refusal(waiting, taken.place, channels, now)
            if how is None:
                await _park(hub, (waiting,), now)
                continue
            log.warning("notice-refused", agency=waiting.agency, plugin=name)
            hows[waiting.id] = how
        await hub.db.write(notices.retry, hows)


async def _park(hub: Hub, group: Sequence[Waiting], now: datetime) -> None:
    """Give these up, with an alarm; they stay in the outbox to be seen."""
    log = structlog.get_logger("exchange.hub.relay")
    for waiting in group:
        log.error("notice-parked", agency=waiting.agency, attempt=waiting.attempts)
        await hub.db.write(notices.park, [waiting.id], at=now)


def merged(taken: Taken, *, hub_name: str) -> Notice:
    """Return the one notice that stands for all that was taken: the most urgent, oldest first."""
    chosen = max(taken.waiting, key=lambda waiting: _URGENCY.index(KINDS[waiting.kind]))
    kind, language = KINDS[chosen.kind], taken.reach.language
    said = words(kind, language, hub_name=hub_name)
    return Notice(
        id=chosen.id,
        kind=kind,
        language=language,
        address=taken.reach.channels[taken.place].address,
        subject=said.subject,
        text=said.text,
    )


async def run(hub: Hub, settings: Notices, stop: asyncio.Event) -> None:
    """Look at the outbox every second until `stop` is set."""
    relay = Relay(settings)
    log = structlog.get_logger("exchange.hub.relay")
    while not stop.is_set():
        try:
            await relay.look(hub)
        except ExchangeError as error:
            log.warning("relay-waits", code=type(error).__name__)
        await pause(stop, TICK_S)
    await relay.finish()


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait `seconds`, or until `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
