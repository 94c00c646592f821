"""Documents cross the hub with their payloads in a real S3 store; nothing of them on its disk."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from exchange.hub.settings import S3
from exchange.hub.storage.object_blobs import PART
from exchange.hub.sweep import sweep
from exchange.wire import routes
from tests.hub.test_uploads import announce, offset, patch
from tests.simulator import RECIPIENT, Letter, Simulator, sealed_to
from tests.swift import KEY, SECRET, Server

pytestmark = pytest.mark.xdist_group("s3")

LARGE = 2 * PART
"""Bytes of a document that goes to the store in parts, and comes back in ranges."""


@pytest.fixture
async def sim(tmp_path: Path, s3_server: Server) -> AsyncIterator[Simulator]:
    """A hub whose payloads lie in a bucket."""
    s3 = S3(endpoint=s3_server.endpoint, key=KEY, secret=SecretStr(SECRET), allow_http=True)
    bucket = await s3_server.make_bucket()
    simulator = Simulator(tmp_path, blobs=f"s3://{bucket}/payloads", s3=s3)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


async def lie_in_store(sim: Simulator) -> int:
    return sum([len(page) async for page in sim.hub.blobs.names(before=sim.now.replace(year=9999))])


async def large(sim: Simulator) -> Letter:
    consent = await sim.consent(uses="recurring")
    return await sim.sent(consent, sealed=sealed_to(RECIPIENT, bytes(LARGE)))


async def test_small_and_large_documents_arrive_and_go(sim: Simulator) -> None:
    letters = [await sim.sent(), await large(sim)]
    for letter in letters:
        assert (await sim.payload(letter)).body == letter.payload
        assert (await sim.collect(letter)).status == 200
    assert await lie_in_store(sim) == 2
    assert list((sim.home / "payloads").iterdir()) == []

    for letter in letters:
        assert (await sim.acknowledge(letter)).status == 200
    await sweep(sim.hub, leftovers=False)
    assert await lie_in_store(sim) == 0


async def test_pieces_arrive_are_joined_and_go(sim: Simulator) -> None:
    letter = sim.letter((await sim.consent()).digest, sealed=sealed_to(RECIPIENT, bytes(LARGE)))
    await announce(sim, letter)
    middle = PART + 4711
    assert (await patch(sim, letter, 0, letter.sealed[:middle])).status == 204
    assert (await offset(sim, letter)).headers["Upload-Offset"] == str(middle)

    assert (await patch(sim, letter, middle, letter.sealed[middle:])).status == 204

    assert (await sim.payload(letter)).body == letter.payload
    assert await lie_in_store(sim) == 1


@pytest.mark.parametrize("asked", ["0-0", "1-4194304", "4194303-4194305", "-5", "8000000-"])
async def test_a_range_is_those_bytes(sim: Simulator, asked: str) -> None:
    letter = await large(sim)
    first, _, last = asked.partition("-")
    size = len(letter.payload)
    start = int(first) if first else size - int(last)
    end = int(last) + 1 if first and last else size

    answer = await sim.payload(letter, headers={"Range": f"bytes={asked}"})

    assert (answer.status, answer.body) == (206, letter.payload[start:end])


async def test_a_download_that_broke_off_goes_on(sim: Simulator) -> None:
    letter = await large(sim)
    url = sim.origin + routes.PAYLOAD_OF.path.replace("{id}", letter.id)
    headers = {"Authorization": f"Bearer {sim.token(RECIPIENT)}"}
    async with sim.http.get(url, headers=headers) as begun:
        etag = begun.headers["ETag"]
        first = await begun.content.readexactly(PART // 2 + 17)
        begun.close()

    rest = await sim.payload(letter, headers={"Range": f"bytes={len(first)}-", "If-Range": etag})

    assert rest.status == 206
    assert first + rest.body == letter.payload


async def test_a_withdrawal_cuts_a_download_under_way(sim: Simulator) -> None:
    consent = await sim.consent(uses="recurring")
    letter = await sim.sent(consent, sealed=sealed_to(RECIPIENT, bytes(4 * LARGE)))
    url = sim.origin + routes.PAYLOAD_OF.path.replace("{id}", letter.id)
    headers = {"Authorization": f"Bearer {sim.token(RECIPIENT)}"}
    async with sim.http.get(url, headers=headers) as begun:
        await begun.content.readexactly(1000)

        assert (await sim.withdraw(consent)).status == 200

        with pytest.raises(aiohttp.ClientError):
            await begun.content.read()
    await sweep(sim.hub, leftovers=False)
    assert await lie_in_store(sim) == 0


async def test_what_is_not_what_its_manifest_says_leaves_nothing(sim: Simulator) -> None:
    sealed = sealed_to(RECIPIENT, bytes(LARGE))
    letter = sim.letter((await sim.consent()).digest, sealed=sealed)
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])

    answer = await sim.call(
        "women-b",
        routes.DISCLOSE,
        body=letter.manifest + b"\n" + damaged,
        headers={"Content-Type": routes.DISCLOSURE},
    )

    assert answer.status == 422
    assert await lie_in_store(sim) == 0
    assert (await sim.call(None, routes.READYZ)).status == 200
