"""The outbox: delivered after the commit, merged, repeated under one id, parked in the end."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from exchange.errors import Unavailable, Undeliverable
from exchange.hookspecs import Notice
from exchange.hub.fall_back import backoff
from exchange.hub.parts import Hub
from exchange.hub.relay import Relay, run
from exchange.hub.settings import Notices
from exchange.hub.storage import notices
from exchange.hub.storage.reaches import Destination, QuietHours, Reach
from tests.simulator import RECIPIENT, SENDER, Simulator


class Postbox:
    """A channel that keeps what it was given, or fails as it is told."""

    def __init__(self, key: str = "post") -> None:
        self.key = key
        self.sent: list[Notice] = []
        self.attempts: list[Notice] = []
        self.fails: Exception | None = None
        self.came = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        """Cleared, nobody has an answer."""

    async def send(self, notice: Notice) -> None:
        self.attempts.append(notice)
        self.came.set()
        if self.fails is not None:
            raise self.fails
        await self.answers.wait()
        self.sent.append(notice)


class WithPost(Simulator):
    """A hub with three channels, of which agencies use one until a test says more."""

    def changed(self, hub: Hub) -> Hub:
        self.post, self.second, self.third = Postbox(), Postbox("second"), Postbox("third")
        self.relay = Relay(Notices(hub_name="the hub"))
        channels = {one.key: one for one in (self.post, self.second, self.third)}
        return replace(hub, channels=channels)

    async def in_order(self, *channels: str, **more: Any) -> None:
        """Tell the recipient by these channels."""
        told = tuple(Destination(name, f"{name} address") for name in channels)
        await self.told(RECIPIENT, Reach(channels=told, **more))

    async def for_sender(self) -> None:
        """Queue something for the sender."""
        await self.hub.db.write(_request, self.now)

    async def send_due(self) -> int:
        return await self.relay.send_due(self.hub)


def _request(conn: Connection, at: datetime) -> None:
    notices.enqueue(conn, [SENDER], "request", consent=None, disclosure=None, at=at)


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
    assert (notice.subject, notice.text.count("the hub")) == ("Posteingang", 1)
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


async def test_an_error_of_nobody_costs_a_notice_its_turn_and_stops_no_loop(
    sim: WithPost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel whose very name raises is asked for it where its failure is written down."""

    def key(_post: Postbox) -> str:
        raise ValueError("CANARY")

    await sim.sent()
    sim.post.fails = Unavailable()
    monkeypatch.setattr(Postbox, "key", property(key), raising=False)
    stop = asyncio.Event()
    with capture_logs() as logged:
        running = asyncio.create_task(run(sim.hub, Notices(hub_name="the hub"), stop))
        async with asyncio.timeout(60):
            await sim.post.came.wait()
        stop.set()
        await running
    assert "CANARY" not in str(logged)
    assert [one["event"] for one in logged if one["log_level"] == "error"] == ["relay-failed"]

    monkeypatch.undo()
    sim.post.fails = None
    sim.later(minutes=30)
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


async def test_a_channel_that_does_not_answer_holds_up_no_other(sim: WithPost) -> None:
    await sim.in_order("second")
    await sim.reach(SENDER)
    sim.second.answers.clear()
    consent = await sim.consent()
    await sim.collect(await sim.sent(consent))
    await sim.relay.look(sim.hub)  # to the recipient, who does not answer
    await sim.for_sender()

    async with asyncio.timeout(30):
        while not sim.post.sent:
            await sim.relay.look(sim.hub)
    assert (len(sim.second.attempts), sim.second.sent) == (1, [])
    sim.second.answers.set()
    await sim.relay.finish()

    assert len(sim.second.sent) == 1


async def test_there_is_room_for_so_many_at_once_and_the_next_waits_for_it(
    sim: WithPost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.hub.relay.AT_ONCE", 1)
    await sim.in_order("second")
    await sim.reach(SENDER)
    sim.second.answers.clear()
    await sim.sent()
    sim.later(seconds=1)
    await sim.for_sender()
    looking = asyncio.create_task(sim.relay.look(sim.hub))
    async with asyncio.timeout(30):
        await sim.second.came.wait()
    assert sim.post.attempts == []
    sim.second.answers.set()

    await looking
    await sim.relay.finish()

    assert (len(sim.second.sent), len(sim.post.sent)) == (1, 1)


async def test_one_agency_whose_channel_fails_costs_no_other_its_own(sim: WithPost) -> None:
    sim.relay = Relay(Notices(breaker_failures=1, breaker_s=3600))
    await sim.reach(SENDER)
    sim.post.fails = Unavailable()
    await sim.sent()
    await sim.send_due()  # the recipient's post rests now
    sim.post.fails = None
    await sim.for_sender()

    await sim.send_due()

    assert [notice.address for notice in sim.post.sent] == [f"{SENDER}@example.test"]


async def test_a_relay_that_is_stopped_leaves_nothing_running(sim: WithPost) -> None:
    sim.post.answers.clear()
    await sim.sent()
    stop = asyncio.Event()
    running = asyncio.create_task(run(sim.hub, Notices(), stop))
    async with asyncio.timeout(30):
        await sim.post.came.wait()
    stop.set()
    sim.post.answers.set()
    async with asyncio.timeout(30):
        await running

    assert [row.state for row in await sim.notices()] == ["sent"]


# Several channels


async def test_a_channel_that_fails_for_long_is_followed_by_the_next(sim: WithPost) -> None:
    await sim.in_order("post", "second")
    await sim.sent()
    sim.post.fails = Unavailable()
    await sim.send_due()
    sim.later(minutes=4)
    await sim.send_due()
    assert sim.second.attempts == []
    sim.later(minutes=1)

    await sim.send_due()

    (notice,) = sim.second.sent
    assert notice.id == sim.post.attempts[0].id
    assert notice.address == "second address"
    assert [row.state for row in await sim.notices()] == ["sent"]
    sim.later(days=1)
    sim.post.fails = None
    assert await sim.send_due() == 0  # never two for one


async def test_what_a_channel_will_never_take_goes_to_the_next_at_once(sim: WithPost) -> None:
    await sim.in_order("post", "second", "third")
    await sim.sent()
    sim.post.fails = sim.second.fails = Undeliverable()

    assert await sim.send_due() == 1

    assert len(sim.third.sent) == 1
    assert (len(sim.post.attempts), len(sim.second.attempts)) == (1, 1)


async def test_what_no_channel_will_ever_take_is_parked(sim: WithPost) -> None:
    await sim.in_order("post", "second")
    await sim.sent()
    sim.post.fails = sim.second.fails = Undeliverable()

    assert await sim.send_due() == 0

    assert [row.state for row in await sim.notices()] == ["parked"]


async def test_behind_the_last_channel_comes_the_first_again_and_not_one_that_refused(
    sim: WithPost,
) -> None:
    await sim.in_order("post", "second", "third")
    await sim.sent()
    sim.post.fails, sim.second.fails, sim.third.fails = (
        Unavailable(),
        Undeliverable(),
        Unavailable(),
    )
    for _ in range(12):
        await sim.send_due()
        sim.later(minutes=5)
    assert len(sim.second.attempts) == 1
    sim.post.fails = None
    for _ in range(3):
        sim.later(hours=6)
        await sim.send_due()

    assert len(sim.post.sent) == 1
    assert sim.post.sent[0].id == sim.third.attempts[0].id


async def test_where_every_channel_fails_the_attempts_become_fewer_and_end(sim: WithPost) -> None:
    await sim.in_order("post", "second")
    await sim.sent()
    sim.post.fails = sim.second.fails = Unavailable()
    for _ in range(3 * 24 * 12 + 12 * 7):  # every five minutes until after it is given up
        await sim.send_due()
        sim.later(minutes=5)

    assert [row.state for row in await sim.notices()] == ["parked"]
    assert min(len(sim.post.attempts), len(sim.second.attempts)) > 5
    assert len(sim.post.attempts) + len(sim.second.attempts) < 100


async def test_a_channel_that_rests_is_followed_by_the_next_without_an_attempt(
    sim: WithPost,
) -> None:
    sim.relay = Relay(Notices(breaker_failures=1, breaker_s=3600))
    await sim.in_order("post", "second")
    await sim.sent()
    sim.post.fails = Unavailable()
    await sim.send_due()
    sim.later(minutes=5)

    assert await sim.send_due() == 1
    assert (len(sim.post.attempts), len(sim.second.sent)) == (1, 1)


async def test_a_channel_that_is_no_longer_loaded_counts_as_failing(sim: WithPost) -> None:
    await sim.in_order("gone", "second")
    await sim.sent()
    await sim.send_due()
    sim.later(minutes=5)

    assert await sim.send_due() == 1
    assert len(sim.second.sent) == 1


async def test_channels_given_anew_are_tried_from_the_first(sim: WithPost) -> None:
    await sim.in_order("post", "second")
    await sim.sent()
    sim.post.fails = sim.second.fails = Undeliverable()
    sim.second.fails = Unavailable()
    await sim.send_due()
    await sim.in_order("third", "post")
    sim.later(minutes=1)

    assert await sim.send_due() == 1
    assert len(sim.third.sent) == 1


# Quiet hours and digests. The clock of these tests begins at eleven in Berlin.


async def test_quiet_hours_hold_a_notice_up_until_they_end(sim: WithPost) -> None:
    await sim.in_order("post", quiet=QuietHours(begin=time(10), end=time(12, 30)))
    for _ in range(2):
        await sim.sent()
    assert await sim.send_due() == 0
    sim.later(minutes=89)
    assert await sim.send_due() == 0
    sim.later(minutes=1)

    assert await sim.send_due() == 1
    assert len(sim.post.sent) == 1  # one for both


async def test_a_task_is_told_in_quiet_hours_and_between_digests(sim: WithPost) -> None:
    consent = await sim.consent()
    await sim.collect(await sim.sent(consent))
    await sim.send_due()
    quiet = QuietHours(begin=time(0), end=time(23, 59))
    await sim.in_order("post", quiet=quiet, digest=timedelta(days=1))
    await sim.sent()
    sim.later(minutes=20)
    assert await sim.send_due() == 0

    await sim.withdraw(consent, SENDER)

    assert await sim.send_due() == 1
    assert [notice.kind for notice in sim.post.sent] == ["waiting", "task"]


async def test_a_digest_is_one_notice_in_its_time(sim: WithPost) -> None:
    await sim.in_order("post", digest=timedelta(hours=4))
    consent = await sim.consent()
    for _ in range(9):
        await sim.sent(consent)
        await sim.send_due()
        sim.later(hours=1)

    assert len(sim.post.sent) == 3


async def test_the_words_are_in_the_language_of_the_agency(sim: WithPost) -> None:
    await sim.in_order("post", language="en")
    await sim.sent()

    await sim.send_due()

    assert sim.post.sent[0].subject == "Inbox"
