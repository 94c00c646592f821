"""Large documents with payloads in S3: the hub against the same library without us; its memory.

`python -m tests.bench.blobs MIB` runs it with documents of another size. The store, the hub and
the clients share this machine, so a figure says what the hub adds, not what a network would.
"""

import asyncio
import gc
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import obstore
from obstore.store import S3Store

from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.envelope.padme import padme
from exchange.wire import routes
from tests import swift
from tests.bench import parts
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.place import RECIPIENT, SENDER, Place
from tests.bench.processes import MIB, Child
from tests.simulator import Letter, office

SIZE_MIB = 256
"""MiB of one document: 4 GiB of traffic in all; 1 GiB each is a matter of `MIB` and patience."""
STREAMS = 4
ROUNDS = 2
PIECE = MIB // 4


class Stored(Place):
    """A place whose payloads lie in a bucket."""

    def _settings(self) -> Iterator[str]:
        s3 = self.settings.s3
        yield f'blobs = "{self.settings.blobs}"'
        yield from super()._settings()
        yield f'[s3]\nendpoint = "{s3.endpoint}"\nkey = "{s3.key}"\nallow_http = true'
        yield f'secret = "{s3.secret.get_secret_value()}"'


async def _pieces(head: bytes, content: bytes) -> AsyncIterator[bytes]:
    if head:
        yield head
    view = memoryview(content)
    for start in range(0, len(view), PIECE):
        yield bytes(view[start : start + PIECE])


async def _at_once(one: Callable[[int], Awaitable[None]]) -> float:
    """Return the seconds that so many take which run at the same time."""
    gc.collect()
    start = parts.now()
    await asyncio.gather(*(one(number) for number in range(STREAMS)))
    return parts.now() - start


async def _library(store: S3Store, content: bytes) -> tuple[float, float]:
    """Return the seconds of uploads and of downloads through the library alone."""

    async def put(number: int) -> None:
        chunks = _pieces(b"", content)
        await obstore.put_async(store, f"plain{number}", chunks, use_multipart=True)

    async def get(number: int) -> None:
        found = await obstore.get_async(store, f"plain{number}")
        size = 0
        async for chunk in found.stream(min_chunk_size=MIB):
            size += len(chunk)
        assert size == len(content)

    up, down = await _at_once(put), await _at_once(get)
    for number in range(STREAMS):
        await obstore.delete_async(store, f"plain{number}")
    return up, down


async def _through_hub(
    place: Place, hub: Child, letters: list[Letter]
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Return the seconds of uploads and of downloads through the hub, and how it grew by each.

    All letters are recalled at the end.
    """
    async with place.session(SENDER) as sender, place.session(RECIPIENT) as recipient:

        async def send(number: int) -> None:
            letter = letters[number]
            body = _pieces(letter.manifest + b"\n", letter.sealed)
            headers = {"Content-Type": routes.DISCLOSURE}
            async with sender.post("/v1/disclosures", data=body, headers=headers) as answer:
                assert answer.status == 201, await answer.read()

        async def fetch(number: int) -> None:
            await _drained(recipient, letters[number])

        before = _rest(hub)
        up = await _at_once(send)
        grown_up, before = hub.peak() - before, _rest(hub)
        down = await _at_once(fetch)
        grown_down = hub.peak() - before
        for letter in letters:
            async with sender.post(f"/v1/disclosures/{letter.id}/recall") as answer:
                assert answer.status == 200, await answer.read()
    return (up, down), (grown_up, grown_down)


async def _drained(session: aiohttp.ClientSession, letter: Letter) -> None:
    size = 0
    async with session.get(f"/v1/disclosures/{letter.id}/payload") as answer:
        assert answer.status == 200, await answer.read()
        async for chunk in answer.content.iter_chunked(MIB):
            size += len(chunk)
    assert size == len(letter.payload)


async def _in(folder: Path, server: swift.Server, size_mib: int, report: Report) -> list[Figure]:
    bucket = await server.make_bucket()
    s3 = {
        "endpoint": server.endpoint,
        "key": swift.KEY,
        "secret": swift.SECRET,
        "allow_http": True,
    }
    place = Stored(folder, blobs=f"s3://{bucket}/payloads", s3=s3)
    consent = await place.prepared()
    encryptor = Encryptor([HybridRecipient(office(RECIPIENT).key.recipient)])
    sealed = encryptor.update(os.urandom(padme(size_mib * MIB))) + encryptor.finalize()
    beside, ratios, growth = server.store(bucket), [], 0
    with place.served() as hub:
        await _through_hub(
            place, hub, [place.letter(consent.digest) for _ in range(STREAMS)]
        )  # everything is imported
        for number in range(ROUNDS):
            letters = [place.letter(consent.digest, sealed=sealed) for _ in range(STREAMS)]
            plain = await _library(beside, sealed)
            ours, grown = await _through_hub(place, hub, letters)
            growth = max(growth, *grown)
            ratios.append(sum(plain) / sum(ours))
            moved = STREAMS * len(sealed) / 1e6
            report(
                f"round {number + 1}: up {moved / ours[0]:.0f} of {moved / plain[0]:.0f} MB/s, "
                f"down {moved / ours[1]:.0f} of {moved / plain[1]:.0f} MB/s, "
                f"memory +{grown[0] / MIB:.0f} and +{grown[1] / MIB:.0f} MiB"
            )
    return [
        Figure(
            name="s3_large_vs_library",
            value=statistics.median(ratios),
            bound=0.6,
            unit="hub MB/s / library MB/s, in and out",
            sense="at least",
        ),
        Figure(
            name="memory_per_stream_mib",
            value=growth / MIB / STREAMS,
            bound=16,
            unit=f"MiB of the hub per stream, {STREAMS} at once",
            sense="at most",
        ),
    ]


def _rest(hub: Child) -> int:
    hub.forget_peak()
    return hub.resident()


def run(report: Report, size_mib: int = SIZE_MIB) -> list[Figure]:
    """Measure with documents of `size_mib` MiB."""
    with tempfile.TemporaryDirectory() as name:
        store, folder = Path(name) / "store", Path(name) / "hub"
        store.mkdir()
        folder.mkdir()
        with swift.running(store) as server:
            return asyncio.run(_in(folder, server, size_mib, report))


LARGE = Benchmark(names=("s3_large_vs_library", "memory_per_stream_mib"), run=run)


if __name__ == "__main__":
    for figure in run(lambda line: print(f"  {line}", file=sys.stderr), int(sys.argv[1])):
        print(figure.line(), flush=True)
