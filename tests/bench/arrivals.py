"""An open loop: work begins when it is due, whatever became of the work before it.

Latency counts from the intended moment. A generator that waits for an answer before it asks again
measures a slow hub less often than a fast one, and calls it fast (coordinated omission).
"""

import asyncio
import json
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal, TypeAlias

SMALLEST_S, STEP = 20e-6, 1.02
"""Width of a histogram's classes: 2 %, from 20 microseconds on."""
CLASSES = 900
"""The last one begins at about 1,000 seconds; memory does not grow with the run."""
OUTSTANDING = 5_000
"""Pieces of work under way at once; beyond it the hub has lost, and so says the run."""
Spacing: TypeAlias = Literal["poisson", "even"]


class Histogram:
    """Latencies in classes that grow by 2 %: bounded memory, quantiles to 2 %."""

    def __init__(self) -> None:
        self._counts = [0] * CLASSES
        self.count = 0
        self.total_s = 0.0
        self.longest_s = 0.0

    def record(self, latency_s: float) -> None:
        """Count one latency in seconds."""
        place = 0 if latency_s <= SMALLEST_S else int(math.log(latency_s / SMALLEST_S, STEP))
        self._counts[min(place, CLASSES - 1)] += 1
        self.count += 1
        self.total_s += latency_s
        self.longest_s = max(self.longest_s, latency_s)

    def quantile(self, share: float) -> float:
        """Return the latency in seconds that `share` of all stay below, to 2 %."""
        wanted, seen = share * self.count, 0
        for place, count in enumerate(self._counts):
            seen += count
            if seen >= wanted and seen:
                return min(float(SMALLEST_S * STEP ** (place + 1)), self.longest_s)
        return math.nan

    def line(self, name: str) -> str:
        """Return what it says, in milliseconds, as one line of JSON."""
        if not self.count:
            return json.dumps({"name": name, "count": 0})
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
        return json.dumps(
            {
                "name": name,
                "count": self.count,
                **{title: _ms(self.quantile(share)) for title, share in shares.items()},
                "max": _ms(self.longest_s),
                "mean": _ms(self.total_s / self.count),
            }
        )


def _ms(latency_s: float) -> float:
    return round(latency_s * 1e3, 2)


def moments(rate: float, seconds: float, spacing: Spacing) -> Iterator[float]:
    """Yield when work is due, in seconds from the beginning, `rate` times a second on average.

    Args:
        rate: per second.
        seconds: how long.
        spacing: `poisson`, as if many offices acted by themselves, or `even`.
    """
    moment = 0.0
    while True:
        moment += _pause(rate) if spacing == "poisson" else 1 / rate
        if moment >= seconds:
            return
        yield moment


def _pause(rate: float) -> float:
    drawn = (secrets.randbelow(1 << 53) + 1) / (1 << 53)
    return -math.log(drawn) / rate


class Saturated(Exception):
    """So much is under way that the hub cannot keep up with this rate."""


async def open_loop(
    due: Iterator[float],
    one: Callable[[float], Awaitable[None]],
    tick: Callable[[int, int], None] = lambda begun, under_way: None,
) -> None:
    """Begin `one` at each moment, and return when all have ended.

    Args:
        due: moments, in seconds from now.
        one: does a piece of work; gets its intended moment on the clock of `time.perf_counter`.
        tick: hears about once a second how many have begun, and how many are under way.

    Raises:
        Saturated: more than `OUTSTANDING` are under way.
        ExceptionGroup: of what pieces of work raised; the others are cancelled.
    """
    start, told = time.perf_counter(), 0.0
    async with asyncio.TaskGroup() as group:
        under_way: set[asyncio.Task[None]] = set()
        for number, moment in enumerate(due, 1):
            if (wait := start + moment - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            if len(under_way) >= OUTSTANDING:
                raise Saturated
            task = group.create_task(_run(one, start + moment))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            if moment - told >= 1:
                told = moment
                tick(number, len(under_way))


async def _run(one: Callable[[float], Awaitable[None]], intended: float) -> None:
    await one(intended)


async def closed_loop(callers: int, seconds: float, one: Callable[[], Awaitable[None]]) -> float:
    """Let so many callers repeat `one` without a pause; return how many a second it made.

    This finds what a hub can do at most. It says nothing about how long an answer takes.
    """
    start = time.perf_counter()
    done = 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            await one()
            done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
    return done / (time.perf_counter() - start)
