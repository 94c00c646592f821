"""Documents through the shipped proxies: whole, in pieces, cut, resumed; as agencies do it."""

import asyncio
import hashlib
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.wire import routes
from tests.bench.hub import pieces
from tests.bench.processes import MIB
from tests.deploy.deployed import Deployed
from tests.simulator import RECIPIENT, SENDER, Letter, office

TUS = {"Tus-Resumable": "1.0.0"}
LARGE = 100 * MIB
GROWTH = 32 * MIB
"""What 100 MiB may add to the memory of hub and proxy each."""
PATIENCE_S = 30.0


def sealed(size: int) -> bytes:
    encryptor = Encryptor([HybridRecipient(office(RECIPIENT).key.recipient)])
    return encryptor.update(bytes(size)) + encryptor.finalize()


async def announced(net: Deployed, letter: Letter) -> str:
    """Send the manifest alone and return where the pieces go."""
    headers = {"Content-Type": routes.MANIFEST}
    told = await net.call(SENDER, routes.DISCLOSE, body=letter.manifest, headers=headers)
    assert told.status == 201, told.body
    headers = {**TUS, "Upload-Length": str(len(letter.sealed))}
    async with net.http.post(
        f"{net.origin}/v1/disclosures/{letter.id}/upload",
        headers={**headers, "Authorization": f"Bearer {net.token(SENDER)}"},
    ) as made:
        assert made.status == 201, await made.read()
        return made.headers["Location"]


async def offset(net: Deployed, url: str) -> int:
    headers = {**TUS, "Authorization": f"Bearer {net.token(SENDER)}"}
    async with net.http.head(url, headers=headers) as told:
        assert told.status == 200
        return int(told.headers["Upload-Offset"])


def patch(net: Deployed, start: int, **headers: str) -> dict[str, str]:
    return {
        **TUS,
        "Authorization": f"Bearer {net.token(SENDER)}",
        "Content-Type": routes.OFFSET_STREAM,
        "Upload-Offset": str(start),
        **headers,
    }


async def test_a_document_crosses_and_only_the_hub_speaks(net: Deployed) -> None:
    letter = await net.sent(net.given)
    payload = await net.payload(letter)
    collected = await net.collect(letter)
    acknowledged = await net.acknowledge(letter)

    assert (payload.status, payload.body) == (200, letter.payload)
    assert collected.status == 200
    assert acknowledged.status == 200
    for answer in (payload, collected, acknowledged):
        assert answer.headers["Server"] == "exchange"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Via" not in answer.headers


async def test_a_download_that_broke_off_goes_on_with_a_range(net: Deployed) -> None:
    letter = await net.sent(net.given, sealed=sealed(4 * MIB))
    url = f"{net.origin}/v1/disclosures/{letter.id}/payload"
    headers = {"Authorization": f"Bearer {net.token(RECIPIENT)}"}
    async with net.http.get(url, headers=headers) as broken:
        first = await broken.content.readexactly(MIB)
        etag = broken.headers["ETag"]

    rest = await net.payload(letter, headers={"Range": f"bytes={MIB}-", "If-Range": etag})

    assert rest.status == 206
    assert (
        rest.headers["Content-Range"]
        == f"bytes {MIB}-{len(letter.payload) - 1}/{len(letter.payload)}"
    )
    assert first + rest.body == letter.payload


async def test_an_upload_in_pieces_goes_on_where_it_broke_off(net: Deployed) -> None:
    letter = net.letter(net.given.digest, sealed=sealed(3 * MIB))
    url = await announced(net, letter)
    assert url == f"{net.origin}/v1/disclosures/{letter.id}/upload"

    async def breaking() -> AsyncIterator[bytes]:
        yield letter.sealed[:MIB]
        # The hub writes what has come: the proxy kept nothing back until the body was whole.
        async with asyncio.timeout(PATIENCE_S):
            while growing(net) < MIB // 2:  # noqa: ASYNC110 - another process writes
                await asyncio.sleep(0.02)
        raise ConnectionResetError

    with pytest.raises(aiohttp.ClientError):
        await net.http.patch(
            url,
            data=breaking(),
            headers=patch(net, 0, **{"Content-Length": str(len(letter.sealed))}),
        )
    begun = await settled(net, url)
    assert 0 < begun <= MIB
    async with net.http.patch(
        url, data=io.BytesIO(letter.sealed[begun:]), headers=patch(net, begun)
    ) as done:
        assert done.status == 204, await done.read()
    assert (await net.payload(letter)).body == letter.payload


def growing(net: Deployed) -> int:
    """Return the bytes of unfinished files that the hub has written."""
    files = (file for file in (net.home / "payloads").rglob("*") if file.is_file())
    return max((file.stat().st_size for file in files), default=0)


async def settled(net: Deployed, url: str) -> int:
    """Return the offset once the hub has noticed that the piece broke off."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await offset(net, url)):  # noqa: ASYNC110 - the hub tells nobody
            await asyncio.sleep(0.05)
    return found


async def test_a_large_document_passes_without_resting_anywhere(
    net: Deployed, tmp_path: Path
) -> None:
    await net.sent(net.given)
    body = sealed(LARGE)
    letter = net.letter(net.given.digest, sealed=body)
    source = tmp_path / "sealed.age"
    source.write_bytes(body)
    files = rested(net)
    net.child.forget_peak()
    net.proxy.forget_peak()
    hub, proxy = net.child.peak(), net.proxy.peak()
    headers = {
        "Content-Type": routes.DISCLOSURE,
        "Authorization": f"Bearer {net.token(SENDER)}",
    }
    async with net.http.post(
        f"{net.origin}/v1/disclosures",
        data=pieces(letter.manifest + b"\n", source),
        headers=headers,
    ) as stored:
        assert stored.status == 201, await stored.read()
    digest = hashlib.sha256()
    async with net.http.get(
        f"{net.origin}/v1/disclosures/{letter.id}/payload",
        headers={"Authorization": f"Bearer {net.token(RECIPIENT)}"},
    ) as got:
        async for piece in got.content.iter_chunked(MIB):
            digest.update(piece)

    assert digest.digest() == hashlib.sha256(letter.payload).digest()
    assert net.child.peak() - hub < GROWTH
    assert net.proxy.peak() - proxy < GROWTH
    assert rested(net) - files < MIB


def rested(net: Deployed) -> int:
    """Return the bytes in files of the proxy."""
    files = (file for file in net.proxy.log.parent.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in files)


async def test_a_waiting_inbox_is_answered_when_something_comes(net: Deployed) -> None:
    first = await net.sent(net.given)
    seen: list[str] = []
    while first.id not in seen:  # in the inbox once a signed head of the log covers it
        after = f"&after={seen[-1]}" if seen else ""
        page = await net.call(RECIPIENT, routes.INBOX, query=f"?wait=5&limit=200{after}")
        seen += [one["disclosure"]["id"] for one in page.json["entries"]]
    query = f"?wait=30&after={first.id}"
    polling = asyncio.create_task(net.call(RECIPIENT, routes.INBOX, query=query))
    done, _ = await asyncio.wait({polling}, timeout=0.5)
    assert not done

    begun = time.monotonic()
    letter = await net.sent(net.given)
    found = await polling

    assert [one["disclosure"]["id"] for one in found.json["entries"]] == [letter.id]
    assert time.monotonic() - begun < 20


async def test_a_withdrawal_cuts_a_download_that_runs(net: Deployed) -> None:
    given = await net.lasting()
    letter = await net.sent(given, sealed=sealed(48 * MIB))
    url = f"{net.origin}/v1/disclosures/{letter.id}/payload"
    headers = {"Authorization": f"Bearer {net.token(RECIPIENT)}"}
    got = 0
    with pytest.raises(aiohttp.ClientError):  # noqa: PT012 - what is read before counts
        async with net.http.get(url, headers=headers) as running:
            got += len(await running.content.readexactly(MIB))
            withdrawn = await net.withdraw(given)
            assert withdrawn.status == 200, withdrawn.body
            async for piece in running.content.iter_chunked(MIB):
                got += len(piece)

    assert got < len(letter.payload)
    assert (await net.payload(letter)).status == 404
    assert (await net.collect(letter)).status == 404
