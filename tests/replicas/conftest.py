"""Two replicas of a hub, for tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.hub import listen
from tests.replicas.pair import Pair, pair


@pytest.fixture
async def two(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Pair]:
    """Return the first of two replicas; the second is `beside` it."""
    # What wakes a poll here is a hint: the look at all inboxes never comes.
    monkeypatch.setattr(listen, "INBOXES_S", 3600.0)
    async with pair(tmp_path, postgres_url) as found:
        yield found
