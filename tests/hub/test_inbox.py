"""GET /v1/inbox: order, cursor, long polls that wake for their own agency only."""

import asyncio

from exchange.wire import routes
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Simulator

SOON_S = 20
"""Within which a poll has ended that was woken; it has asked for thirty seconds."""


async def waits(sim: Simulator, agency: str) -> None:
    """Wait until a long poll of `agency` waits."""
    while agency not in sim.hub.news.waiting():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


async def test_entries_come_in_the_order_they_were_stored_and_the_cursor_goes_on(
    sim: Simulator,
) -> None:
    consent = await sim.consent()
    letters = [await sim.sent(consent) for _ in range(3)]

    first = await sim.inbox(query="?limit=2")
    rest = await sim.inbox(query=f"?after={first[-1]['cursor']}")

    assert [one["disclosure"]["id"] for one in first + rest] == [one.id for one in letters]


async def test_what_is_taken_back_leaves_no_gap(sim: Simulator) -> None:
    consent = await sim.consent()
    letters = [await sim.sent(consent) for _ in range(3)]

    await sim.call(SENDER, routes.RECALL, id=letters[1].id)

    found = await sim.inbox()
    assert [one["disclosure"]["id"] for one in found] == [letters[0].id, letters[2].id]
    assert [
        one["disclosure"]["id"] for one in await sim.inbox(query=f"?after={letters[1].id}")
    ] == [letters[2].id]


async def test_a_long_poll_wakes_when_something_is_stored(sim: Simulator) -> None:
    consent = await sim.consent()
    poll = asyncio.create_task(sim.inbox(query="?wait=30"))
    await waits(sim, RECIPIENT)

    letter = await sim.sent(consent)

    async with asyncio.timeout(SOON_S):
        (entry,) = await poll
    assert entry["disclosure"]["id"] == letter.id


async def test_a_long_poll_of_somebody_else_is_not_woken(sim: Simulator) -> None:
    consent = await sim.consent()
    poll = asyncio.create_task(sim.inbox(OUTSIDER, query="?wait=30"))
    await waits(sim, OUTSIDER)

    await sim.sent(consent)
    await asyncio.sleep(0.2)

    assert not poll.done()
    sim.hub.news.end()
    assert await poll == []


async def test_a_fifth_long_poll_is_refused(sim: Simulator) -> None:
    five = {
        asyncio.create_task(sim.call(RECIPIENT, routes.INBOX, query="?wait=30")) for _ in range(5)
    }

    (refused,), polls = await asyncio.wait(five, return_when=asyncio.FIRST_COMPLETED)

    assert refused.result().status == 429
    assert refused.result().headers["Retry-After"] == "5"
    sim.hub.news.end()
    assert [poll.json["entries"] for poll in await asyncio.gather(*polls)] == 4 * [[]]


async def test_long_polls_end_at_once_when_the_hub_stops(sim: Simulator) -> None:
    poll = asyncio.create_task(sim.inbox(query="?wait=30"))
    await waits(sim, RECIPIENT)

    sim.hub.news.end()

    async with asyncio.timeout(SOON_S):
        assert await poll == []
