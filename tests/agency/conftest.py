"""A network of two offices around a hub's double."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agency.network import Network


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    """Return two offices that trust each other, with an agreement and a consent."""
    network = Network(tmp_path)
    async with network.double.running():
        network.arrange()
        yield network
