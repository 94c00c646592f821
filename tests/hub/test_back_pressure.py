"""Where the log falls behind or stops, new disclosures wait; nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import Unavailable
from exchange.hub import high_water
from exchange.hub.heads import CHECKING, CLOCK, DAMAGED, EVIDENCE, UNCONFIRMED, Heads
from exchange.hub.storage import tree
from exchange.hub.storage.checkpoints import Signed
from exchange.wire import routes
from tests.ledgers import recorded, until
from tests.simulator import NOW, Simulator


class Seconds:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Seconds:
    return Seconds()


@pytest.fixture
def heads(ticks: Seconds) -> Heads:
    """Return what knows a head of ten entries, and may sign."""
    found = Heads(pending_limit=100, ticks=ticks)
    found.learn(head(10))
    found.resume()
    return found


def head(size: int) -> Signed:
    return Signed(size, bytes(32), b"", NOW)


def test_a_hub_that_has_not_compared_yet_takes_nothing() -> None:
    assert Heads(pending_limit=100).stopped == CHECKING
    with pytest.raises(Unavailable):
        Heads(pending_limit=100).check_room()


@pytest.mark.parametrize("pending", [0, 100])
def test_as_many_leaves_as_allowed_may_wait(heads: Heads, pending: int) -> None:
    heads.looked(size=10, pending=pending)
    heads.check_room()


def test_one_leaf_more_than_allowed_is_too_many(heads: Heads) -> None:
    heads.looked(size=10, pending=101)
    with pytest.raises(Unavailable):
        heads.check_room()


def test_a_leaf_may_wait_for_thirty_seconds(heads: Heads, ticks: Seconds) -> None:
    heads.looked(size=10, pending=1)
    ticks.now = 30.0
    heads.check_room()
    ticks.now = 30.5
    with pytest.raises(Unavailable):
        heads.check_room()


def test_what_is_in_the_tree_and_not_signed_waits_too(heads: Heads, ticks: Seconds) -> None:
    heads.looked(size=11, pending=0)
    ticks.now = 31.0
    with pytest.raises(Unavailable):
        heads.check_room()


def test_the_oldest_leaf_counts_and_not_that_there_is_always_one(
    heads: Heads, ticks: Seconds
) -> None:
    for second in range(100):  # each is signed after five seconds
        ticks.now = float(second)
        heads.looked(size=10 + second, pending=5)
        heads.learn(head(10 + second))
        assert heads.age_s() <= 5
        heads.check_room()
    heads.learn(head(114))
    assert heads.age_s() == 0


def test_looks_are_remembered_within_bounds(heads: Heads, ticks: Seconds) -> None:
    for pending in range(1, 3000):
        ticks.now += 0.001
        heads.looked(size=10, pending=pending)
    assert len(heads._looks) == 1000
    assert heads.age_s() == pytest.approx(2.998)


@pytest.mark.parametrize("code", [EVIDENCE, DAMAGED])
def test_a_final_reason_stays(heads: Heads, code: str) -> None:
    heads.stop(code)
    heads.stop(CLOCK)
    heads.resume()
    assert heads.stopped == code


@pytest.mark.parametrize("code", [CLOCK, UNCONFIRMED])
def test_another_reason_passes(heads: Heads, code: str) -> None:
    heads.stop(code)
    heads.resume()
    assert heads.stopped is None


def test_a_smaller_head_is_no_news(heads: Heads) -> None:
    assert not heads.learn(head(10))
    assert heads.learn(head(11))
    assert heads.covers(10)
    assert not heads.covers(11)


async def test_who_waits_for_an_entry_is_woken_when_it_is_signed() -> None:
    heads = Heads(pending_limit=100)
    waiting = asyncio.create_task(heads.beyond(11, seconds=20))
    for size in (11, 12):
        await asyncio.sleep(0)
        assert not waiting.done()
        heads.learn(head(size))
    assert await waiting
    assert await heads.beyond(11, seconds=0)
    assert not await heads.beyond(12, seconds=0.01)


async def test_at_the_end_of_the_process_nobody_waits_any_more() -> None:
    heads = Heads(pending_limit=100)
    waiting = [
        asyncio.create_task(heads.beyond(1, seconds=20)),
        asyncio.create_task(heads.grown(seconds=None)),
        asyncio.create_task(heads.confirmed(seconds=20)),
    ]
    await asyncio.sleep(0)
    heads.end()
    assert await asyncio.gather(*waiting) == [False, False, False]
    assert not await heads.grown(seconds=None)


async def test_a_stopped_log_refuses_new_disclosures_and_nothing_else(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = sim.letter(consent.digest)
    await sim.settled()
    sim.hub.heads.stop(EVIDENCE)
    refused = await sim.send(letter)
    assert (refused.status, refused.json["type"].rpartition(":")[2]) == (503, "unavailable")
    ready = await sim.call(None, routes.READYZ)
    assert (ready.status, ready.json) == (200, {"status": "degraded"})
    assert (await sim.withdraw(consent)).status == 200
    assert await sim.count("disclosures") == 0


async def test_leaves_of_a_stopped_log_wait_and_are_not_lost(sim: Simulator) -> None:
    await sim.settled()
    await sim.settled()
    signed = sim.hub.heads.newest
    assert signed is not None
    sim.later(seconds=-10)
    (rid,) = await sim.hub.db.write(recorded, 1, "late", sim.now)
    await until(lambda: sim.hub.heads.stopped == CLOCK)
    assert sim.hub.heads.newest == signed
    sim.later(seconds=10)
    await sim.settled()
    assert sim.hub.heads.stopped is None
    assert await sim.hub.db.read(tree.index_of, rid) == signed.size


async def test_every_commit_wakes_the_sequencer(tmp_path: Path) -> None:
    # With ten seconds between two looks only a wake-up can be in time.
    slow = Simulator(tmp_path, log={"tick_ms": 1, "tick_idle_ms": 60_000})
    async with slow.running():
        await slow.arrange()
        await asyncio.wait_for(slow.settled(), 20)


@pytest.fixture
async def failing(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Simulator]:
    """Return a hub whose disk takes no signed head outside the database."""
    await sim.settled()

    def full(*_: Any) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(high_water, "raise_to", full)
    yield sim
    monkeypatch.undo()


async def test_a_full_disk_is_waited_for(
    failing: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = failing.hub.heads.newest
    await failing.hub.db.write(recorded, 1, "late", failing.now)
    await asyncio.sleep(0.1)
    assert failing.hub.heads.newest == signed
    monkeypatch.undo()
    await failing.settled()
