"""The hub under copies of requests, under signals, twice on one directory, with a dead loop."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exchange.wire import routes
from tests.crashes.hubs import forking
from tests.crashes.remote import Life, Remote, answered, arranged, world
from tests.crashes.verbs import VERBS
from tests.invariants import check
from tests.simulator import RECIPIENT, Letter

pytestmark = pytest.mark.timeout(300)
COPIES = 20
POSTS = [name for name in VERBS if name != "upload"]  # pieces at one offset are told apart: 409


@pytest.mark.parametrize("name", POSTS)
async def test_twenty_copies_at_once_have_one_effect_and_one_answer(place: Path, name: str) -> None:
    verb = VERBS[name]
    async with (
        forking(None) as hubs,
        arranged(place / "arranged", verb.prepare) as (sim, asked),
    ):
        worlds, answers = [], []
        for copies in (1, COPIES):
            life = Life.copied(hubs, sim.home, place / str(copies), sim.now)
            await life.start()
            found = await asyncio.gather(*(verb.ask(sim, asked) for _ in range(copies)))
            answers += [answered(answer) for answer in found]
            assert await life.stop() == 0
            assert check(life.home, now=sim.now) == []
            worlds.append(world(life.home))

        assert all(answer == answers[0] for answer in answers)
        assert worlds[0] == worlds[1]


async def nothing(_sim: Remote) -> None:
    """Arrange no more than parties and their agreement."""


async def storing(sim: Remote, true: list[Letter], stopping: asyncio.Event) -> None:
    """Record and store until the hub is gone; note what it has said yes to."""
    while not stopping.is_set():
        try:
            consent = await sim.consent()
            letter = sim.letter(consent.digest)
            if (await sim.send(letter)).status == 201:
                true.append(letter)
        except aiohttp.ClientError:
            return
        except AssertionError:  # refused while it stops
            assert stopping.is_set()


async def polling(sim: Remote, answers: list[tuple[int, float]]) -> None:
    answer = await sim.call("youth-c", routes.INBOX, query="?wait=30")
    answers.append((answer.status, time.monotonic()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_under_load_loses_nothing(place: Path, number: signal.Signals) -> None:
    true: list[Letter] = []
    polled: list[tuple[int, float]] = []
    async with (
        forking(None) as hubs,
        arranged(place / "arranged", nothing) as (sim, _),
    ):
        life = Life.copied(hubs, sim.home, place / "life", sim.now)
        await life.start()
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as clients:
            clients.create_task(polling(sim, polled))
            for _ in range(4):
                clients.create_task(storing(sim, true, stopping))
            while len(true) < 8:  # noqa: ASYNC110 - the clients are not told of it
                await asyncio.sleep(0.01)
            stopping.set()
            asked_at = time.monotonic()
            os.kill(life.pid, number)
            assert await life.ended() == 0
            took = time.monotonic() - asked_at

        assert took < 15  # what it waits for at most is twenty seconds
        ((status, ended_at),) = polled
        assert status == 200
        assert ended_at - asked_at < 15
        assert check(life.home, now=sim.now) == []
        known = {row[0]: row[3] for row in world(life.home)["disclosures"]}
        assert {known[letter.id] for letter in true} == {"stored"}

        await life.start()
        for letter in true:
            assert (await sim.collect(letter)).status == 200
        await life.stop()


def served_twice(home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exchange.cli.main", "hub", "serve", "--home", home],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


async def test_a_second_process_on_one_directory_is_refused_and_the_first_goes_on(
    place: Path,
) -> None:
    async with (
        forking(None) as hubs,
        arranged(place / "arranged", Remote.sent) as (sim, letter),
    ):
        life = Life.copied(hubs, sim.home, place / "life", sim.now)
        await life.start()

        second = await asyncio.to_thread(served_twice, life.home)

        assert second.returncode == 1
        assert second.stdout == ""
        (line,) = [one for one in second.stderr.splitlines() if not one.startswith("{")]
        assert "another process uses" in line
        assert (await sim.collect(letter)).status == 200
        assert await life.stop() == 0


async def test_a_background_loop_that_dies_stops_the_process_with_an_error(place: Path) -> None:
    async with (
        forking(None) as hubs,
        arranged(place / "arranged", nothing) as (sim, _),
    ):
        life = Life.copied(hubs, sim.home, place / "life", sim.now)
        await life.start(dying=True)
        assert await life.alive(within_s=0.2)

        (life.home / "die").touch()

        assert await life.ended() == 1
        await life.start()
        agencies: Any = await sim.call(RECIPIENT, routes.AGENCIES)
        assert agencies.status == 200
        await life.stop()
