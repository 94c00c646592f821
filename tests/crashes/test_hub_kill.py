"""The hub killed at every durable call of each request, started again, and asked again (F1).

Every call that touches its files is a place to die: before it, in the middle of a write, after
the last. Afterwards the client repeats its request, as clients do; then the answer and all that
the hub knows are what they are without the death, and every invariant holds.
"""

import time
from pathlib import Path

import aiohttp
import pytest

from tests import needs
from tests.crashes.hubs import Hubs, Mode, compiled, forking
from tests.crashes.remote import Life, Remote, answered, arranged, world
from tests.crashes.verbs import VERBS
from tests.invariants import check

pytestmark = [pytest.mark.timeout(300), needs.tool("cc", "gcc")]


@pytest.mark.parametrize("name", VERBS)
async def test_killed_at_every_durable_call_and_asked_again(place: Path, name: str) -> None:
    verb = VERBS[name]
    async with (
        forking(compiled(place)) as hubs,
        arranged(place / "arranged", verb.prepare) as (sim, asked),
    ):
        life = await begun(hubs, sim, place / "none")
        life.faults.arm(Mode.COUNT)
        expected = answered(await verb.ask(sim, asked))
        points = life.faults.seen
        life.faults.disarm()
        assert points >= verb.points
        assert await life.stop() == 0
        known = world(life.home)
        assert check(life.home, now=sim.now) == []

        slowest = 0.0
        for mode, die in deaths(life.faults.torn(points) if verb.torn else [], points):
            life = await begun(hubs, sim, place / f"{mode.name}-{die}")
            life.faults.arm(mode, die)
            try:
                first = await verb.ask(sim, asked)
            except (aiohttp.ClientError, ConnectionError):
                first = None
            if first is None:
                assert await life.ended() == -9
            else:  # killed behind the answer, or there was one call less: what it says is true
                assert answered(first) == expected
                life.faults.disarm()
                await life.stop()
            at_once = time.monotonic()
            life.faults.disarm()
            await life.start()
            slowest = max(slowest, time.monotonic() - at_once)

            assert answered(await verb.ask(sim, asked)) == expected
            assert await life.stop() == 0
            assert world(life.home) == known, (mode.name, die)
            assert check(life.home, now=sim.now) == []
        print(f"{name}: {points} durable calls; slowest start {slowest:.2f} s")


def deaths(writes: list[int], points: int) -> list[tuple[Mode, int]]:
    """Before each call, in the middle of it if it writes, and after the last."""
    before = [(Mode.KILL_BEFORE, n) for n in range(1, points + 1)]
    return [*before, *((Mode.TEAR, n) for n in writes), (Mode.KILL_AFTER, points)]


async def begun(hubs: Hubs, sim: Remote, folder: Path) -> Life:
    """Return a fresh copy of the arranged hub, served, its first sweep behind it."""
    life = Life.copied(hubs, sim.home, folder, sim.now)
    await life.start_settled()
    return life
