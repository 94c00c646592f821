"""GET /v1/inbox and the log: nobody is shown a document before its entry can be proven."""

import asyncio

from exchange.wire import routes
from tests.asking import ask
from tests.simulator import RECIPIENT, SENDER, Simulator


async def look(sim: Simulator, query: str = "") -> list[str]:
    """Return ids of what the recipient is shown at once, documents and requests."""
    entries = (await sim.call(RECIPIENT, routes.INBOX, query=query)).json["entries"]
    return [(one["disclosure"] or one["request"])["id"] for one in entries]


async def test_a_document_is_shown_when_a_signed_head_covers_its_entry(sim: Simulator) -> None:
    consent = await sim.consent()
    async with sim.still():
        letter = await sim.sent(consent)
        poll = asyncio.create_task(look(sim, "?wait=30"))
        await asyncio.sleep(0.2)
        assert not poll.done()
        assert await look(sim) == []

    async with asyncio.timeout(20):
        assert await poll == [letter.id]


async def test_what_comes_behind_an_unsigned_document_waits_for_it(sim: Simulator) -> None:
    consent = await sim.consent()
    first = await sim.sent(consent)
    async with sim.still():
        second = await sim.sent(consent)
        later = await ask(sim, SENDER, to=RECIPIENT)  # a request needs no entry, but its turn

        assert await look(sim) == [first.id]
        assert await look(sim, f"?after={first.id}") == []

    await sim.settled()
    assert await look(sim) == [first.id, second.id, later["id"]]


async def test_a_wait_for_a_head_ends_with_its_time_and_with_the_process(sim: Simulator) -> None:
    consent = await sim.consent()
    async with sim.still():
        await sim.sent(consent)
        assert await look(sim, "?wait=1") == []
        poll = asyncio.create_task(look(sim, "?wait=30"))
        await asyncio.sleep(0.2)
        sim.hub.heads.end()
        async with asyncio.timeout(20):
            assert await poll == []
