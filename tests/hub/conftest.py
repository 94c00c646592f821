"""A running hub with two parties that have agreed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.simulator import Simulator


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    simulator = Simulator(tmp_path)
    async with simulator.running():
        await simulator.arrange()
        yield simulator
