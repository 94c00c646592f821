"""A real Chromium, one for all tests of a process: starting it takes longer than most visits.

Who uses it runs in the event loop of the whole session; a folder's `conftest.py` imports the
fixtures and hands its tests to `share_loop`.
"""

import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright

CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


PATIENCE_MS = 90_000
"""Milliseconds a page may take to do what is waited for, on a machine that stands still."""


def executable() -> str:
    """Return where Chromium is; without it the tests are skipped (`needs.chromium`)."""
    return shutil.which("chromium") or ""


@asynccontextmanager
async def launched(playwright: Playwright, **options: Any) -> AsyncIterator[Browser]:
    """Run Chromium while the block runs."""
    found = await playwright.chromium.launch(executable_path=executable(), args=CHROMIUM, **options)
    yield found
    await found.close()


def share_loop(items: Iterable[pytest.Item], folder: Path) -> None:
    """Run what is asynchronous in a folder in the loop of the browser."""
    together = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if item.path.is_relative_to(folder) and pytest_asyncio.is_async_test(item):
            item.add_marker(together, append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser(playwright: Playwright) -> AsyncIterator[Browser]:
    async with launched(playwright) as found:
        yield found
