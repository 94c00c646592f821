"""A hub with a party for every relation: what each of them is told, and what not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.parties import Parties


@pytest.fixture
def stored_in(request: pytest.FixtureRequest) -> dict[str, Any]:
    """On SQLite; what reads by statements of its own asks for both, with `needs.both_databases`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return {}
    return {"database_url": request.getfixturevalue("postgres_url")}


@pytest.fixture
async def parties(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Parties]:
    """Return a running hub with parties that have agreed."""
    simulator = Parties(tmp_path, **stored_in)
    async with simulator.running():
        await simulator.arrange()
        yield simulator
