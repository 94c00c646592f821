"""A monitoring system: asks a hub for its metrics over a real socket, reads them as it would."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from exchange.hub.metrics.endpoint import FRESH_S, OPENMETRICS, Page, listening
from exchange.hub.metrics.look import Watched
from tests.simulator import Simulator

Values = Mapping[tuple[str, ...], float]
"""By the name of the sample and the values of its labels, in the order of their names."""


@dataclass
class Scraper:
    """Asks at one port."""

    port: int
    http: aiohttp.ClientSession = field(repr=False)

    async def ask(self, path: str = "/metrics", method: str = "GET", **headers: str) -> Any:
        """Return status, headers and text of an answer."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.http.request(method, url, headers=headers) as answer:
            return answer.status, answer.headers, await answer.text()

    async def families(self) -> Mapping[str, Family]:
        """Return what is shown in the older format, by name."""
        status, _, text = await self.ask()
        assert status == 200, text
        return {family.name: family for family in read_text(text)}

    async def newer_families(self) -> Mapping[str, Family]:
        """Return what is shown in the newer format, by name; its parser refuses what is unclean."""
        status, headers, text = await self.ask(Accept=f"{OPENMETRICS};version=1.0.0")
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, OPENMETRICS)
        return {family.name: family for family in read_openmetrics(text)}  # type: ignore[no-untyped-call]

    async def values(self) -> Values:
        """Return every value that is shown."""
        return values_of((await self.families()).values())

    async def value(self, name: str, *labels: str) -> float:
        """Return one value."""
        return (await self.values())[name, *labels]


def values_of(families: Any) -> Values:
    """Return every value of some families."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def always_later() -> Callable[[], float]:
    """Return a monotonic clock that has gone on so far that no look is good any more."""
    moments = count(step=FRESH_S)
    return lambda: float(next(moments))


@asynccontextmanager
async def scraped(
    sim: Simulator, *, ticks: Callable[[], float] | None = None, patience_s: float = 60.0
) -> AsyncIterator[Scraper]:
    """Serve the metrics of a hub as its process does while the block runs.

    Args:
        sim: running.
        ticks: monotonic seconds; None: each look is a new one.
        patience_s: seconds the database has to answer; a busy machine may need some.
    """
    watched = Watched(
        hub=sim.hub,
        database=sim.database,
        traffic=sim.front.traffic,
        began=sim.now,
        patience_s=patience_s,
    )
    page = Page(watched, always_later() if ticks is None else ticks)
    async with listening(page, sim.settings, 0) as port, aiohttp.ClientSession() as http:
        yield Scraper(port, http)


def without_times(text: str) -> str:
    """Return a page without what depends on how fast the machine is."""
    timed = re.compile(
        r"^(?:hub_request_duration_seconds_(?:bucket|sum)|hub_room_bytes)\b.*\n", re.M
    )
    return timed.sub("", text)
