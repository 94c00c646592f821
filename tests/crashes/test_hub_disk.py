"""A disk that is full or fails under the hub: nothing is promised, nothing is half there (F3)."""

import errno
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError

from tests import needs
from tests.crashes.hubs import Mode, compiled, forking
from tests.crashes.remote import Life, Remote, arranged
from tests.crashes.verbs import VERBS
from tests.invariants import check
from tests.simulator import Letter

pytestmark = [pytest.mark.timeout(300), needs.tool("cc", "gcc")]
REFUSED = {503, 507}
STOPS = "commit-failed"


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
async def test_a_failing_call_of_storing_promises_nothing(place: Path, error: int) -> None:
    async with (
        forking(compiled(place)) as hubs,
        arranged(place / "arranged", Remote.consent) as (sim, consent),
    ):
        life = Life.copied(hubs, sim.home, place / "life", sim.now, resting=True)
        await life.start_settled()
        stopped = 0
        for at in range(1, 100):
            letter = sim.letter(consent.digest)
            life.faults.arm(Mode.FAIL_ONE, at, error)
            answer = await sim.send(letter)
            reached = life.faults.seen >= at
            life.faults.disarm()
            if not reached:
                break
            assert answer.status in REFUSED, (at, answer.status, answer.body)
            stopped += await came_back(life, sim)
            await goes_on(sim, letter)
        assert VERBS["store"].points < at < 99
        assert 1 <= stopped < at  # the commit has failed, and nothing else stops a hub
        assert await life.stop() == 0
        assert check(life.home, now=sim.now) == []


async def came_back(life: Life, sim: Remote) -> bool:
    """Start the hub again if its answer says that it stops; tell whether it did."""
    if STOPS in life.said:  # it says so before it answers, and is then as slow as the machine
        assert await life.ended() == 1
    elif await life.alive(within_s=0.3):
        return False
    assert STOPS in life.said
    await life.start_settled()
    return True


async def goes_on(sim: Remote, letter: Letter) -> None:
    """Store the same letter now; record a consent and withdraw it."""
    again = await sim.send(letter)
    assert again.status in {200, 201}, again.body
    withdrawn = await sim.withdraw(await sim.consent())
    assert withdrawn.status in {200, 201}, withdrawn.body


@pytest.mark.parametrize("verb", ["record", "withdraw"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
async def test_a_failing_commit_promises_nothing(place: Path, verb: str, error: int) -> None:
    chosen = VERBS[verb]
    async with (
        forking(compiled(place)) as hubs,
        arranged(place / "arranged", chosen.prepare) as (sim, asked),
    ):
        ignored = 0
        for at in range(1, 100):
            life = Life.copied(hubs, sim.home, place / f"life-{at}", sim.now, resting=True)
            await life.start_settled()
            life.faults.arm(Mode.FAIL_ONE, at, error)
            answer = await chosen.ask(sim, asked)
            reached = life.faults.seen >= at
            life.faults.disarm()
            if answer.status in REFUSED:
                await came_back(life, sim)
                answer = await chosen.ask(sim, asked)
            else:
                ignored += reached
            assert answer.status in {200, 201}, (at, answer.status, answer.body)
            assert await life.stop() == 0
            assert check(life.home, now=sim.now) == []
            if not reached:
                break
        assert chosen.points < at < 99
        # SQLite itself ignores that it cannot sync the directory of a WAL it has just made; the
        # vault's is made by the first record.
        assert ignored <= (verb == "record")


async def test_withdrawals_go_on_while_the_payloads_have_no_room(place: Path) -> None:
    async with (
        forking(compiled(place)) as hubs,
        arranged(place / "arranged", Remote.consent) as (sim, consent),
    ):
        life = Life.copied(hubs, sim.home, place / "life", sim.now)
        await life.start_settled(watched=life.home / "payloads")
        other = await sim.consent()
        life.faults.arm(Mode.FAIL_WRITES, error=errno.ENOSPC)

        letter = sim.letter(consent.digest)
        full = [await sim.send(letter) for _ in range(3)]
        withdrawn = await sim.withdraw(other)
        life.faults.disarm()

        assert {answer.status for answer in full} == {507}
        assert {answer.json["type"] for answer in full} == {
            "urn:consent-exchange:problem:storage-full"
        }
        assert withdrawn.status in {200, 201}
        assert await life.alive(within_s=0.2)
        assert list((life.home / "payloads").iterdir()) == []
        assert (await sim.send(letter)).status == 201
        assert await life.stop() == 0
        assert check(life.home, now=sim.now) == []


async def test_a_disk_that_is_full_everywhere_costs_no_more_than_the_time(place: Path) -> None:
    async with (
        forking(compiled(place)) as hubs,
        arranged(place / "arranged", Remote.consent) as (sim, consent),
    ):
        life = Life.copied(hubs, sim.home, place / "life", sim.now)
        await life.start_settled()
        letter = await sim.sent(consent)
        life.faults.arm(Mode.FAIL_WRITES, error=errno.ENOSPC)
        answers = list[Any]()
        for ask in (partial(sim.send, sim.letter(consent.digest)), partial(sim.collect, letter)):
            # A commit of the log may have failed before: then it has stopped, and says nothing.
            with suppress(ClientConnectionError):
                answers.append(await ask())
        life.faults.disarm()

        assert {answer.status for answer in answers} <= REFUSED
        await came_back(life, sim)
        assert (await sim.collect(letter)).status == 200
        await goes_on(sim, sim.letter(consent.digest))
        assert await life.stop() == 0
        assert check(life.home, now=sim.now) == []
