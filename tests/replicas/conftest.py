"""Two replicas of a hub, for tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.replicas.pair import Pair, pair


@pytest.fixture
async def two(tmp_path: Path, postgres_url: str) -> AsyncIterator[Pair]:
    """Return the first of two replicas; the second is `beside` it."""
    async with pair(tmp_path, postgres_url) as found:
        yield found
