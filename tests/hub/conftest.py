"""A running hub with parties that have agreed."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.hub.restored import Place
from tests.postgres import Server
from tests.several import Several
from tests.simulator import GENEROUS, Simulator


@pytest.fixture
async def sim(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Simulator]:
    """Return a hub with two parties: one releases, the other receives."""
    simulator = Simulator(tmp_path, **stored_in)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest.fixture
async def several(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Several]:
    """Return a hub with two recipients, and a collector of its own."""
    simulator = Several(tmp_path, agency={**GENEROUS, "decisions": 10_000}, **stored_in)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest.fixture
def empty(request: pytest.FixtureRequest, stored_in: dict[str, Any]) -> Place:
    """Makes empty places of the same kind as that of `sim`."""

    @contextmanager
    def place() -> Iterator[dict[str, Any]]:
        if not stored_in:
            yield {}
            return
        server: Server = request.getfixturevalue("postgres_server")
        with server.database() as url:
            yield {**stored_in, "database_url": url}

    return place
