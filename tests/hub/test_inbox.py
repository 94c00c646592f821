"""GET /v1/inbox: order, cursor, long polls that wake for their own agency only."""

import asyncio

from exchange.wire import routes
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Simulator


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
    await asyncio.sleep(0.1)
    assert not poll.done()

    letter = await sim.sent(consent)

    async with asyncio.timeout(5):
        (entry,) = await poll
    assert entry["disclosure"]["id"] == letter.id


async def test_a_long_poll_of_somebody_else_is_not_woken(sim: Simulator) -> None:
    consent = await sim.consent()
    poll = asyncio.create_task(sim.inbox(OUTSIDER, query="?wait=30"))
    await asyncio.sleep(0.1)

    await sim.sent(consent)
    await asyncio.sleep(0.2)

    assert not poll.done()
    sim.hub.news.end()
    assert await poll == []


async def test_a_fifth_long_poll_is_refused(sim: Simulator) -> None:
    polls = [asyncio.create_task(sim.inbox(query="?wait=2")) for _ in range(4)]
    await asyncio.sleep(0.3)

    fifth = await sim.call(RECIPIENT, routes.INBOX, query="?wait=2")

    assert fifth.status == 429
    assert fifth.headers["Retry-After"] == "5"
    assert await asyncio.gather(*polls) == 4 * [[]]


async def test_long_polls_end_at_once_when_the_hub_stops(sim: Simulator) -> None:
    poll = asyncio.create_task(sim.inbox(query="?wait=30"))
    await asyncio.sleep(0.1)

    sim.hub.news.end()

    async with asyncio.timeout(2):
        assert await poll == []
