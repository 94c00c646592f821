"""GET /metrics on a port of its own: one listener for each process, open to no public address.

Whoever reads it is not asked who it is; what keeps others out is that the port is theirs alone.
Asking often costs the hub nothing: what was found is good for some seconds.
"""

import asyncio
import ipaddress
import re
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import hdrs, web

from exchange.errors import Misconfigured
from exchange.hub.metrics.exposition import Exposition, Format, Text
from exchange.hub.metrics.look import Watched, look
from exchange.hub.settings import HubSettings
from exchange.serving.connection import Runner
from exchange.serving.middleware import Manner, problem_middleware, security_headers

PATH: Final = "/metrics"
LOGGER: Final = "exchange.hub.metrics"
PLAIN: Final = "text/plain"
OPENMETRICS: Final = "application/openmetrics-text"
"""For whoever says it reads that."""
FORMATS: Final[tuple[Format, ...]] = (PLAIN, OPENMETRICS)
FRESH_S: Final = 5.0
"""Seconds for which a look is good: monitoring systems ask every fifteen."""
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?", re.ASCII)
"""An address or a name, and perhaps a port."""


@dataclass(frozen=True, slots=True)
class Few:
    """How many connections a monitoring system may have open."""

    connections: int = 32
    connections_per_address: int = 16


class Names:
    """The values of `Host` that are answered: any address, this machine, and what settings name.

    A browser that was led here by a name of somebody else's says that name.
    """

    def __init__(self, names: Collection[str]) -> None:
        """Take the names, in any case."""
        self._names = {"localhost", *(name.lower() for name in names)}

    def __contains__(self, host: object) -> bool:
        found = _HOST.fullmatch(str(host))
        if found is None:
            return False
        name = found[1] or found[2]
        return name in self._names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class Page:
    """What `/metrics` shows, looked up at most every `FRESH_S`."""

    watched: Watched
    ticks: Callable[[], float] = time.monotonic
    """Monotonic seconds."""
    _exposition: Exposition = field(default_factory=Exposition)
    _texts: dict[Format, Text] = field(default_factory=dict)
    _stale_at: float = float("-inf")
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def text(self, format: Format) -> Text:  # noqa: A002 - the library's word
        """Return the page in a format; who comes while somebody looks gets what that one sees."""
        async with self._looking:
            if self.ticks() >= self._stale_at:
                samples, durations = await look(self.watched), self.watched.traffic.durations
                self._texts = {
                    one: self._exposition.write(samples, durations, one) for one in FORMATS
                }
                self._stale_at = self.ticks() + FRESH_S
            return self._texts[format]


def application(page: Page, names: Collection[str]) -> web.Application:
    """Return the application that serves `page` and nothing else.

    Args:
        page: what it shows.
        names: under which it is asked, besides addresses and localhost.
    """
    manner = Manner(hosts=Names(names), logger=LOGGER)
    app = web.Application(middlewares=[problem_middleware(manner)], client_max_size=1)
    app.on_response_prepare.append(security_headers)

    async def get_metrics(request: web.Request) -> web.Response:
        newer = OPENMETRICS in request.headers.get(hdrs.ACCEPT, "").lower()
        text = await page.text(OPENMETRICS if newer else PLAIN)
        return web.Response(body=text.body, headers={hdrs.CONTENT_TYPE: text.content_type})

    app.router.add_get(PATH, get_metrics)
    return app


@asynccontextmanager
async def listening(page: Page, settings: HubSettings, port: int) -> AsyncIterator[int]:
    """Serve `page` at a port while the block runs, and say which one it is.

    Args:
        page: what is served.
        settings: validated.
        port: of this process; 0: any that is free.

    Raises:
        Misconfigured: somebody else has the port.
    """
    app = application(page, settings.metrics.names)
    runner = Runner(app, Few(), settings.http)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.metrics.host, port).start()
        except OSError as error:
            told = f"the port for metrics, {port}, cannot be opened: {error.strerror}"
            raise Misconfigured(told) from None
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
