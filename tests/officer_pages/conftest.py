"""A hub at which two offices have worked together, and one browser for all tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser import browser, playwright, share_loop
from tests.officer_pages.scene import Scene, opened

__all__ = ["browser", "playwright"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    share_loop(items, Path(__file__).parent)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Everything the pages show has happened; a test leaves what the others need."""
    async with opened(tmp_path_factory.mktemp("scene")) as found:
        yield found
