"""A running hub, and a real browser that fails the test on whatever a page must not do.

Each test has a hub and a browser context of its own.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright

from tests.browser import browser, launched, playwright, share_loop
from tests.pages.visitor import PERSON, Visitor
from tests.simulator import Simulator

__all__ = ["browser", "playwright"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    share_loop(items, Path(__file__).parent)


@pytest_asyncio.fixture(loop_scope="session")
async def usual_browser(playwright: Playwright) -> AsyncIterator[Browser]:
    """One that keeps pages for "back", as browsers do outside of tests."""
    without = ["--disable-back-forward-cache"]
    async with launched(playwright, ignore_default_args=without) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    simulator = Simulator(tmp_path, person=PERSON)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(sim: Simulator, browser: Browser) -> AsyncIterator[Visitor]:
    """Somebody whose browser runs no script: every journey but signing must pass so."""
    async with Visitor.arrives(sim, browser, scripts=False) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def scripted(sim: Simulator, browser: Browser) -> AsyncIterator[Visitor]:
    """Somebody whose browser runs scripts."""
    async with Visitor.arrives(sim, browser, scripts=True) as found:
        yield found
