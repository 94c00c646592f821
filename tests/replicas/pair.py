"""Two replicas of one hub in this process: one database, one vault, two fronts on two ports.

Each has its own pool, mirror, streams, polls and loops, as two processes have; what they share
goes through PostgreSQL. `beside` speaks to the second one as its base speaks to the first.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from exchange.hub import app, listen
from exchange.hub.directory import Directory
from exchange.hub.heads import Heads
from exchange.hub.line import Line
from exchange.hub.mirror import take_over
from exchange.hub.news import News
from exchange.hub.open_database import open_database
from exchange.hub.parts import Hub
from exchange.hub.serve import looping
from exchange.hub.stirring import StirringDatabase
from exchange.hub.streams import Streams
from exchange.serving.connection import Runner
from tests.ports import free_port
from tests.several import Several
from tests.simulator import GENEROUS, Answer, sequenced

Found = TypeVar("Found")
SOON_S = 20.0
"""Within which a busy machine has done what is to come; a stalled stream is cut after thirty."""


class Beside(Several):
    """The second replica, seen by the same agencies: another port, the same name."""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def call(
        self, *asked: Any, headers: Mapping[str, str] | None = None, **named: Any
    ) -> Answer:
        host = self.settings.origin.partition("://")[2]
        return await super().call(*asked, headers={"Host": host, **(headers or {})}, **named)


class Pair(Several):
    """The first replica, and the way to the second."""

    beside: Beside

    @asynccontextmanager
    async def both(self) -> AsyncIterator["Pair"]:
        """Serve both replicas with their loops."""
        async with self.running(), AsyncExitStack() as stack:
            database = open_database(self.settings, on_failure=lambda: None)
            stack.push_async_callback(database.close)
            line = Line()
            heads = Heads(pending_limit=self.settings.log.pending_limit)
            hub = replace(
                self.hub,
                db=StirringDatabase(database, heads.stir),
                heads=heads,
                directory=Directory(),
                line=line,
                news=News(line),
                streams=Streams(line),
                occupied={},
            )
            beside = Beside.__new__(Beside)
            beside.__dict__.update(self.__dict__)
            self.beside = beside
            beside.hub, beside.database, beside.port = hub, database, free_port()
            beside.front = app.front(hub, self.settings, ticks=lambda: self.ticks)
            await take_over(hub)
            runner = Runner(
                app.site(beside.front, self.settings), self.settings.listen, self.settings.http
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", beside.port).start()
            for one in (self.hub, hub):
                one.directory.ticks = lambda: 0.0  # compared, however long the machine stands still
                await stack.enter_async_context(looping(asyncio.Event(), self.loops(one)))
            await stack.enter_async_context(sequenced(hub, self.settings))
            stack.callback(heads.end)
            yield self

    def loops(self, hub: Hub) -> dict[str, Any]:
        """Return what keeps a replica up to date."""
        assert self.settings.database_url is not None
        server = listen.address(self.settings.database_url.get_secret_value())
        return {
            "say": lambda stop: listen.say(hub, stop),
            "hear": lambda stop: listen.hear(hub, server, stop),
            "look": lambda stop: listen.look(hub, stop),
        }


@asynccontextmanager
async def pair(root: Path, url: str, **settings: Any) -> AsyncIterator[Pair]:
    """Yield two replicas with two parties and their agreement."""
    most = dict.fromkeys(("decisions", "parallel", "streams", "polls"), 10_000)
    given = {
        "agency": {**GENEROUS, **most},
        "database_url": url,
        "postgres": {"wait_s": 30},
        **settings,
    }
    found = Pair(root, **given)
    async with found.both():
        await found.arrange()
        # What follows is about what happens from now on.
        await until(lambda: found.beside.hub.directory.version == found.hub.directory.version)
        yield found


async def until(true: Callable[[], object]) -> None:
    """Wait until `true()` is."""
    async with asyncio.timeout(SOON_S):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def until_found(ask: Callable[[], Awaitable[Found]], wanted: Found) -> None:
    """Ask until the answer is the wanted one."""
    async with asyncio.timeout(SOON_S):
        while await ask() != wanted:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
