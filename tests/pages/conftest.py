"""A running hub, and a real browser that fails the test on whatever a page must not do."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.pages.visitor import CHROMIUM, PERSON, Visitor
from tests.simulator import Simulator


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    simulator = Simulator(tmp_path, person=PERSON)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield found
        await found.close()


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
