"""A running hub, and a real browser that fails the test on whatever a page must not do."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.pages.visitor import PERSON, Visitor, launched
from tests.simulator import Simulator


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    simulator = Simulator(tmp_path, person=PERSON)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with launched() as found:
        yield found


@pytest.fixture
async def usual_browser() -> AsyncIterator[Browser]:
    """One that keeps pages for "back", as browsers do outside of tests."""
    async with launched(ignore_default_args=["--disable-back-forward-cache"]) as found:
        yield found


@pytest.fixture
async def visitor(sim: Simulator, browser: Browser) -> AsyncIterator[Visitor]:
    """Somebody whose browser runs no script: every journey but signing must pass so."""
    async with Visitor.arrives(sim, browser, scripts=False) as found:
        yield found


@pytest.fixture
async def scripted(sim: Simulator, browser: Browser) -> AsyncIterator[Visitor]:
    """Somebody whose browser runs scripts."""
    async with Visitor.arrives(sim, browser, scripts=True) as found:
        yield found
