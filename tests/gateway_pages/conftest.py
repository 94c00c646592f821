"""Two offices at work, and one browser for all tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.agency.network import Network
from tests.browser import browser, playwright, share_loop
from tests.gateway_pages.scene import Scene, played

__all__ = ["browser", "playwright"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    share_loop(items, Path(__file__).parent)


@pytest_asyncio.fixture(loop_scope="session")
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Everything the pages show has happened."""
    network = Network(tmp_path)
    async with network.double.running():
        network.arrange()
        async with played(network) as found:
            yield found
