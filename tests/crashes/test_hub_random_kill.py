"""The hub killed at random while many work with it; everybody repeats until it answers (F2).

Clients make each statement once and send it until they are told. Afterwards everything that was
acknowledged is there, once, and every invariant holds.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from exchange.wire import routes
from tests.crashes.hubs import forking
from tests.crashes.remote import Life, Remote, arranged, world
from tests.invariants import check
from tests.simulator import RECIPIENT, SENDER, Answer, Given, Letter

pytestmark = pytest.mark.timeout(300)
SECONDS = 20.0
KILLS = 5
CLIENTS = 6


@dataclass
class Told:
    """What the hub has acknowledged: the state of each disclosure, and the consents that ended."""

    states: dict[str, str] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    repeated: int = 0

    async def until_answered(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        while True:
            try:
                answer = await ask()
            except aiohttp.ClientError:
                self.repeated += 1
                await asyncio.sleep(0.02)
                continue
            assert answer.status in {200, 201}, (answer.status, answer.body)
            return answer


async def working(sim: Remote, told: Told, dice: random.Random, over: Callable[[], bool]) -> None:
    """Record, store, collect, acknowledge, recall and withdraw, over and over."""
    while not over():
        given = sim.signed_consent()
        await told.until_answered(lambda given=given: sim.record(given))  # type: ignore[misc]
        letters = [sim.letter(given.digest) for _ in range(dice.randrange(1, 3))]
        for letter in letters:
            await crossing(sim, told, letter, dice)
        if dice.random() < 0.5:
            await ending(sim, told, given, letters)


async def crossing(sim: Remote, told: Told, letter: Letter, dice: random.Random) -> None:
    await told.until_answered(lambda: sim.send(letter))
    told.states[letter.id] = "stored"
    turn = dice.random()
    if turn < 0.2:
        await told.until_answered(lambda: sim.call(SENDER, routes.RECALL, id=letter.id, json={}))
        told.states[letter.id] = "ended"
    elif turn < 0.8:
        await told.until_answered(lambda: sim.collect(letter))
        told.states[letter.id] = "collected"
        if turn < 0.5:
            answer = sim.acknowledgement(letter).decode()
            await told.until_answered(
                lambda: sim.call(
                    RECIPIENT, routes.ACKNOWLEDGE, id=letter.id, json={"statement": answer}
                )
            )
            told.states[letter.id] = "acknowledged"


async def ending(sim: Remote, told: Told, given: Given, letters: list[Letter]) -> None:
    statement = sim.withdrawal(given).decode()
    await told.until_answered(
        lambda: sim.call(SENDER, routes.WITHDRAW, id=given.id, json={"statement": statement})
    )
    told.withdrawn.add(given.digest)
    for letter in letters:
        if told.states[letter.id] in {"stored", "collected"}:
            told.states[letter.id] = "ended"


async def killing(life: Life, dice: random.Random, until: float) -> int:
    """Kill and start again, and return how often; on a slow machine it takes longer."""
    kills = 0
    while time.monotonic() < until or kills < KILLS:
        await asyncio.sleep(dice.uniform(0.2, 1.0))
        os.kill(life.pid, signal.SIGKILL)
        assert await life.ended() == -signal.SIGKILL
        await life.start()
        kills += 1
    return kills


async def nothing(_sim: Remote) -> None:
    """Arrange no more than parties and their agreement."""


async def test_random_kills_lose_nothing_and_double_nothing(place: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice, told = random.Random(seed), Told()  # noqa: S311 - repeatable, not secret
    async with (
        forking(None) as hubs,
        arranged(place / "arranged", nothing) as (sim, _),
    ):
        life = Life.copied(hubs, sim.home, place / "life", sim.now)
        await life.start()
        until = time.monotonic() + SECONDS
        async with asyncio.TaskGroup() as group:
            nemesis = group.create_task(killing(life, dice, until))
            for _ in range(CLIENTS):
                own = random.Random(dice.random())  # noqa: S311
                group.create_task(working(sim, told, own, nemesis.done))
        assert await life.stop() == 0

    print(f"{nemesis.result()} kills, {len(told.states)} disclosures, {told.repeated} repetitions")
    assert nemesis.result() >= KILLS
    assert told.repeated > 0
    assert check(life.home, now=sim.now) == []
    known = world(life.home)
    assert {row[0]: row[3] for row in known["disclosures"]} == told.states
    ended = {row[0] for row in known["consents"] if row[3] is not None}
    assert ended == told.withdrawn
