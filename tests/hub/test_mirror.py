"""exchange.hub.mirror: changes of agencies at the same time all count."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from exchange.database import Database
from exchange.hub.admit import suspend
from exchange.hub.mirror import refresh
from tests.simulator import RECIPIENT, Simulator


class SlowAnswer:
    """A database whose next reading arrives late, after `arrive` is set."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.has_read = asyncio.Event()
        self.arrive = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def read(self, work: Callable[..., Any], *args: Any) -> Any:
        found = await self._database.read(work, *args)
        self.has_read.set()
        await self.arrive.wait()
        return found


async def test_an_older_reading_that_arrives_late_does_not_undo_a_suspension(
    sim: Simulator,
) -> None:
    slow = SlowAnswer(sim.hub.db)
    older = asyncio.create_task(refresh(replace(sim.hub, db=cast("Database", slow))))
    await slow.has_read.wait()
    newer = asyncio.create_task(suspend(sim.hub, RECIPIENT))
    done, _pending = await asyncio.wait({newer}, timeout=0.2)
    assert not done  # the suspension is not answered before it counts
    slow.arrive.set()
    await asyncio.gather(older, newer)
    kid = sim.offices[RECIPIENT].identity.kid
    assert not sim.hub.directory.accepts(RECIPIENT, kid, now=sim.now)
