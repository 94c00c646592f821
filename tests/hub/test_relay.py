"""The outbox: delivered after the commit, merged, repeated under one id, parked in the end."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.errors import Unavailable, Undeliverable
from exchange.hookspecs import Notice
from exchange.hub.parts import Hub
from exchange.hub.relay import Relay, backoff
from exchange.hub.settings import Notices
from tests.simulator import RECIPIENT, SENDER, Simulator


class Postbox:
    """A channel that keeps what it was given, or fails as it is told."""

    key = "post"

    def __init__(self) -> None:
        self.sent: list[Notice] = []
        self.attempts: list[Notice] = []
        self.fails: Exception | None = None

    async def send(self, notice: Notice) -> None:
        self.attempts.append(notice)
        if self.fails is not None:
            raise self.fails
        self.sent.append(notice)


class WithPost(Simulator):
    """A hub with one channel."""

    def changed(self, hub: Hub) -> Hub:
        self.post = Postbox()
        self.relay = Relay(Notices())
        return replace(hub, channels={"post": self.post})

    async def send_due(self) -> int:
        return await self.relay.send_due(self.hub)


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[WithPost]:
    simulator = WithPost(tmp_path)
    async with simulator.running():
        await simulator.arrange()
        await simulator.reach(RECIPIENT)
        yield simulator


async def test_a_notice_says_nothing_but_that_something_may_wait(sim: WithPost) -> None:
    await sim.sent()

    await sim.send_due()

    (notice,) = sim.post.sent
    assert (notice.kind, notice.language) == ("waiting", "de")
    assert notice.address == f"{RECIPIENT}@example.test"
    assert await sim.send_due() == 0


async def test_nothing_is_sent_for_what_was_refused(sim: WithPost) -> None:
    await sim.send(sim.letter("A" * 43))

    assert await sim.send_due() == 0


async def test_what_comes_close_together_is_one_notice(sim: WithPost) -> None:
    consent = await sim.consent()
    for _ in range(3):
        await sim.sent(consent)
    await sim.send_due()
    await sim.sent(consent)
    await sim.send_due()
    assert len(sim.post.sent) == 1

    sim.later(minutes=15)
    await sim.send_due()

    assert len(sim.post.sent) == 2


async def test_a_failed_notice_is_repeated_under_the_same_id(sim: WithPost) -> None:
    await sim.sent()
    sim.post.fails = Unavailable()
    await sim.send_due()
    assert await sim.send_due() == 0  # not yet due again
    sim.post.fails = None
    sim.later(seconds=10)

    assert await sim.send_due() == 1
    assert {notice.id for notice in sim.post.attempts} == {sim.post.sent[0].id}


@pytest.mark.parametrize("error", [Undeliverable(), Unavailable()])
async def test_a_notice_is_parked_when_it_can_never_be_delivered(
    sim: WithPost, error: Exception
) -> None:
    await sim.sent()
    sim.post.fails = error
    await sim.send_due()
    sim.later(days=3)

    await sim.send_due()

    assert [row.state for row in await sim.notices()] == ["parked"]


async def test_a_channel_that_raises_anything_costs_only_its_own_notice(sim: WithPost) -> None:
    await sim.reach(SENDER)
    await sim.sent()
    sim.post.fails = ValueError("CANARY")
    await sim.send_due()
    sim.post.fails = None
    sim.later(seconds=10)

    assert await sim.send_due() == 1


async def test_after_five_failures_a_channel_rests(sim: WithPost) -> None:
    await sim.sent()
    sim.post.fails = Unavailable()
    for _ in range(5):
        await sim.send_due()
        sim.later(minutes=3)
    assert len(sim.post.attempts) == 5

    await sim.send_due()
    assert len(sim.post.attempts) == 5
    sim.later(minutes=5)
    await sim.send_due()
    assert len(sim.post.attempts) == 6


async def test_a_withdrawal_takes_the_waiting_notice_with_it(sim: WithPost) -> None:
    consent = await sim.consent()
    await sim.sent(consent)

    await sim.withdraw(consent, SENDER)

    assert await sim.send_due() == 0


async def test_an_erasure_is_a_task(sim: WithPost) -> None:
    consent = await sim.consent()
    await sim.collect(await sim.sent(consent))
    await sim.send_due()
    sim.later(minutes=20)

    await sim.withdraw(consent, SENDER)
    await sim.send_due()

    assert [notice.kind for notice in sim.post.sent] == ["waiting", "task"]


def test_the_wait_doubles_up_to_six_hours_with_a_fifth_of_jitter() -> None:
    settings = Notices()

    for attempts, base in ((0, 5), (1, 10), (4, 80), (40, 6 * 3600)):
        waits = {backoff(attempts, settings) for _ in range(50)}
        assert all(timedelta(seconds=base * 0.8) <= wait for wait in waits)
        assert all(wait <= timedelta(seconds=base * 1.2001) for wait in waits)
        assert len(waits) > 1
