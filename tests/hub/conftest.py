"""A running hub with parties that have agreed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.several import Several
from tests.simulator import GENEROUS, Simulator


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    """Return a hub with two parties: one releases, the other receives."""
    simulator = Simulator(tmp_path)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest.fixture
async def several(tmp_path: Path) -> AsyncIterator[Several]:
    """Return a hub with two recipients, and a collector of its own."""
    simulator = Several(tmp_path, agency={**GENEROUS, "decisions": 10_000})
    async with simulator.running():
        await simulator.arrange()
        yield simulator
