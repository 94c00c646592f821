"""One hub behind each of the shipped proxies, for all tests of a process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests.deploy.deployed import Deployed
from tests.deploy.proxies import CADDY, NGINX, proxy


@pytest.fixture(params=[CADDY, NGINX])
def kind(request: pytest.FixtureRequest) -> str:
    """Return which proxy stands in front."""
    return str(request.param)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Deployed]]:
    """Return what starts a hub behind a proxy; both stay up, whatever order tests come in."""
    with ExitStack() as running:

        @cache
        def place(kind: str) -> Deployed:
            folder = tmp_path_factory.mktemp(kind)
            made = Deployed(folder)
            made.given = asyncio.run(made.prepared())
            found = running.enter_context(proxy(kind, folder / "proxy", f"127.0.0.1:{made.port}"))
            return running.enter_context(made.behind(found))

        yield place


@pytest.fixture
def serving(kind: str, places: Callable[[str], Deployed]) -> Deployed:
    return places(kind)


@pytest.fixture
async def net(kind: str, places: Callable[[str], Deployed]) -> AsyncIterator[Deployed]:
    """Return the hub as agencies see it: by its public name alone."""
    place = await asyncio.to_thread(places, kind)  # it runs a loop of its own
    async with place.visiting():
        yield place
