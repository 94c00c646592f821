"""A hub under attack: one for all tests of a process, each with its own log."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from exchange.hub.officers.provider import KEPT_S
from tests.attacks.parties import Parties
from tests.attacks.served import Served
from tests.login import Browser, Logins, browsing, provided
from tests.simulator import GENEROUS, Simulator


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("attacked")).running() as served:
        yield served


@pytest.fixture
def hub(serving: Served) -> Iterator[Served]:
    """Return the hub of this process; whatever a test does to it must not end in a bug."""
    with serving.listening():
        yield serving
        found = serving.log
    assert [line for line in found if line["event"] == "bug" or line.get("status", 0) >= 500] == []


@pytest.fixture
def stored_in(request: pytest.FixtureRequest) -> dict[str, Any]:
    """On SQLite; what races for locks asks for both, with `needs.both_databases`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return {}
    return {"database_url": request.getfixturevalue("postgres_url")}


@pytest.fixture
async def parties(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Parties]:
    """Return a running hub with a party for every relation, that have agreed."""
    simulator = Parties(
        tmp_path,
        **stored_in,
        agency={**GENEROUS, "decisions": 10_000, "parallel": 64, "streams": 64},
        person={"misses_per_minute": 1_000_000, "misses_per_minute_in_all": 1_000_000},
    )
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    """Return a running hub with two parties that have agreed: enough where a person is attacked."""
    simulator = Simulator(tmp_path)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def opened_logins(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Logins]:
    async with provided(tmp_path_factory.mktemp("logins")) as found:
        yield found


@pytest.fixture
def logins(opened_logins: Logins) -> Logins:
    """Return a hub whose provider of logins is honest again, and has to be asked anew."""
    opened_logins.provider.reset()
    opened_logins.sim.ticks += KEPT_S
    return opened_logins


@pytest_asyncio.fixture(loop_scope="module")
async def browser(opened_logins: Logins) -> AsyncIterator[Browser]:
    """Return the browser of an officer."""
    async with browsing(opened_logins.sim.origin) as found:
        yield found
