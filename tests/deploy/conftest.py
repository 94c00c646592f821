"""One hub behind each of the shipped proxies, for all tests of a process."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.deploy.deployed import Deployed
from tests.deploy.proxies import CADDY, NGINX, proxy


@pytest.fixture(scope="session", params=[CADDY, NGINX])
def kind(request: pytest.FixtureRequest) -> str:
    """Return which proxy stands in front."""
    return str(request.param)


@pytest.fixture(scope="session")
def serving(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp(kind)
    place = Deployed(folder)
    place.given = asyncio.run(place.prepared())
    upstream = f"127.0.0.1:{place.port}"
    with proxy(kind, folder / "proxy", upstream) as found, place.behind(found):
        yield place


@pytest.fixture
async def net(serving: Deployed) -> AsyncIterator[Deployed]:
    """Return the hub as agencies see it: by its public name alone."""
    async with serving.visiting():
        yield serving
