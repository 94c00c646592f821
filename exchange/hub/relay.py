"""Sends what the outbox holds: merged, with backoff, never about something that ended.

A loop beside the requests, in every replica. What it sends says nothing but "look"; it goes out
after the commit of what it is about, at least once, under the same id at every attempt.
"""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from exchange.errors import ExchangeError, Undeliverable, positions
from exchange.hookspecs import Channel, Notice, NoticeKind
from exchange.hub.notice_words import words
from exchange.hub.parts import Hub
from exchange.hub.settings import Notices
from exchange.hub.storage import notices
from exchange.hub.storage.notices import Waiting

TICK_S = 1.0
"""Seconds between two looks at the outbox."""
MARGIN = timedelta(seconds=30)
"""How much longer than a delivery may take what a relay has taken stays its own."""

KINDS = {
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
_URGENCY = (NoticeKind.WAITING, NoticeKind.REMINDER, NoticeKind.TASK, NoticeKind.TECHNICAL)


@dataclass(slots=True)
class _Breaker:
    """Failures of one channel in a row, and until when it rests."""

    failures: int = 0
    rests_until: datetime | None = None


class Relay:
    """The state between two looks: only how the channels are doing."""

    def __init__(self, settings: Notices) -> None:
        self._settings = settings
        self._breakers: dict[str, _Breaker] = defaultdict(_Breaker)

    async def send_due(self, hub: Hub) -> int:
        """Send every notice whose time has come, and return how many were delivered.

        Several relays share the work: what one has taken in hand, no other sends.
        """
        delivered = 0
        # Asked of a reader first: mostly nothing is due, and the writer is left alone.
        while await hub.db.read(notices.any_due, now=hub.clock()):
            now = hub.clock()
            until = now + timedelta(seconds=self._settings.send_s) + MARGIN
            quiet = timedelta(seconds=self._settings.quiet_s)
            taken = await hub.db.write(notices.take, now=now, quiet=quiet, until=until)
            if taken is None:  # another relay was quicker
                break
            if taken:
                delivered += await self._send(hub, taken, now)
        return delivered

    async def _send(self, hub: Hub, group: Sequence[Waiting], now: datetime) -> int:
        """Send one notice for all of `group`, which is one agency's on one channel."""
        ids = [waiting.id for waiting in group]
        name = group[0].reach.channel or ""
        channel = hub.channels.get(name)
        breaker = self._breakers[name]
        if breaker.rests_until is not None and now < breaker.rests_until:
            await hub.db.write(notices.postpone, ids, until=breaker.rests_until, failed=False)
            return 0
        try:
            delivered = channel is not None and await self._delivered(
                channel, merged(group, hub_name=self._settings.hub_name)
            )
        except Undeliverable:
            await _park(hub, group, now)
            return 0
        if not delivered:
            await self._failed(hub, group, breaker, now)
            return 0
        breaker.failures = 0
        # A crash before the next commit sends it again under the same id: at least once.
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

    async def _failed(
        self, hub: Hub, group: Sequence[Waiting], breaker: _Breaker, now: datetime
    ) -> None:
        breaker.failures += 1
        if breaker.failures >= self._settings.breaker_failures:
            breaker.rests_until = now + timedelta(seconds=self._settings.breaker_s)
            breaker.failures = 0
        given_up = now - timedelta(seconds=self._settings.give_up_s)
        await _park(hub, [waiting for waiting in group if waiting.created_at <= given_up], now)
        for waiting in group:
            if waiting.created_at > given_up:
                until = now + backoff(waiting.attempts, self._settings)
                await hub.db.write(notices.postpone, [waiting.id], until=until, failed=True)


async def _park(hub: Hub, group: Sequence[Waiting], now: datetime) -> None:
    """Give these up, with an alarm; they stay in the outbox to be seen."""
    log = structlog.get_logger("exchange.hub.relay")
    for waiting in group:
        log.error("notice-parked", agency=waiting.agency, attempt=waiting.attempts)
        await hub.db.write(notices.park, [waiting.id], at=now)


def merged(group: Sequence[Waiting], *, hub_name: str) -> Notice:
    """Return the one notice that stands for all of `group`: the most urgent, oldest first."""
    chosen = max(group, key=lambda waiting: _URGENCY.index(KINDS[waiting.kind]))
    kind, language = KINDS[chosen.kind], chosen.reach.language
    said = words(kind, language, hub_name=hub_name)
    return Notice(
        id=chosen.id,
        kind=kind,
        language=language,
        address=chosen.reach.address or "",
        subject=said.subject,
        text=said.text,
    )


def backoff(attempts: int, settings: Notices) -> timedelta:
    """Return how long to wait after `attempts` earlier failures: doubling, plus or minus 20 %."""
    base = min(settings.first_retry_s * 2 ** min(attempts, 30), settings.longest_retry_s)
    jitter = 0.8 + secrets.randbelow(4001) / 10_000
    return timedelta(seconds=base * jitter)


async def run(hub: Hub, settings: Notices, stop: asyncio.Event) -> None:
    """Look at the outbox every second until `stop` is set."""
    relay = Relay(settings)
    log = structlog.get_logger("exchange.hub.relay")
    while not stop.is_set():
        try:
            await relay.send_due(hub)
        except ExchangeError as error:
            log.warning("relay-waits", code=type(error).__name__)
        await pause(stop, TICK_S)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait `seconds`, or until `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
