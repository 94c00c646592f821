"""The hub is asked to stop: what is under way is answered, everything else is closed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.wire import routes
from tests.simulator import RECIPIENT, SENDER, Simulator


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    """Return a hub with two parties: one releases, the other receives."""
    simulator = Simulator(tmp_path, http={"shutdown_s": 20})
    async with simulator.running():
        await simulator.arrange()
        yield simulator


async def test_an_upload_under_way_arrives_and_is_stored(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = sim.letter(consent.digest)
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    head = (
        f"POST /v1/disclosures HTTP/1.1\r\nHost: 127.0.0.1:{sim.port}\r\n"
        f"Authorization: Bearer {sim.token(SENDER)}\r\nContent-Type: {routes.DISCLOSURE}\r\n"
        f"Content-Length: {len(letter.one_shot)}\r\n\r\n"
    )
    writer.write(head.encode() + letter.one_shot[:-100])
    await writer.drain()
    while consent.digest not in sim.hub.streams.consents():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)

    stopping = asyncio.create_task(sim.runner.cleanup())
    while not sim.hub.news.over:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    writer.write(letter.one_shot[-100:])
    answer = await reader.read()
    await stopping
    writer.close()

    assert answer.startswith(b"HTTP/1.1 201")
    assert b"\r\nConnection: close\r\n" in answer
    assert len(await sim.log("disclosure-stored")) == 1


async def test_long_polls_end_at_once_and_idle_connections_are_closed(sim: Simulator) -> None:
    idle_reader, idle = await asyncio.open_connection("127.0.0.1", sim.port)
    idle.write(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{sim.port}\r\n\r\n".encode())
    kept = await idle_reader.readuntil(b"\r\n\r\n")
    assert b"Connection: close" not in kept
    polling = asyncio.create_task(sim.inbox(query="?wait=30"))
    while RECIPIENT not in sim.hub.news.waiting():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)

    async with asyncio.timeout(15):  # the poll had asked for thirty seconds
        await sim.runner.cleanup()

    assert await polling == []
    await idle_reader.read()  # to its end
    assert idle_reader.at_eof()
    idle.close()


async def test_what_never_arrives_is_given_up(tmp_path: Path) -> None:
    sim = Simulator(tmp_path, http={"shutdown_s": 0.2})
    async with sim.running():
        await sim.arrange()
        reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
        writer.write(
            f"POST /v1/requests HTTP/1.1\r\nHost: 127.0.0.1:{sim.port}\r\n"
            f"Authorization: Bearer {sim.token(SENDER)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: 1000\r\n\r\n{{".encode()
        )
        await writer.drain()
        await asyncio.sleep(0.2)
        async with asyncio.timeout(15):  # a body may take thirty seconds
            await sim.runner.cleanup()
        assert not (await reader.read()).startswith(b"HTTP/1.1 2")
        writer.close()
