"""The hub against the floor: CPU per small disclosure, throughput and memory of a large one."""

import asyncio
import hashlib
import os
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import aiohttp

from exchange.canonical import sha256_hex
from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.envelope.manifest import Addressee, Terms, manifest_payload, new_context
from exchange.envelope.padme import padme
from exchange.statement import Kind, seconds, sign
from exchange.vocabulary import Secrecy
from exchange.wire import routes
from tests.bench import parts
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.place import RECIPIENT, SENDER, Place, disclose
from tests.bench.processes import MIB, Child, running
from tests.bench.seal import memory_folder
from tests.simulator import Given, Letter, office

SMALL = padme(50 * 1024 + 3584)
WARM_UP = 60
PER_ROUND = 150
ROUNDS = 5
LARGE = 1 << 30


def small_letters(place: Place, consent: Given, count: int) -> list[Letter]:
    """Return sealed 50 KiB documents, each with a manifest of its own."""
    encryptor = Encryptor([HybridRecipient(office(RECIPIENT).key.recipient)])
    sealed = encryptor.update(bytes(SMALL)) + encryptor.finalize()
    return [place.letter(consent.digest, sealed=sealed) for _ in range(count)]


def _cpu(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_cpu_in(Path(name), report))


async def _cpu_in(folder: Path, report: Report) -> list[Figure]:
    place = Place(folder)
    consent = await place.prepared()
    letters = small_letters(place, consent, WARM_UP + ROUNDS * PER_ROUND)
    bare = folder / "floor"
    bare.mkdir()
    ratios = []
    with (
        place.served() as hub,
        running(["-m", "tests.bench.floor", str(bare)], ready="ready") as floor,
    ):
        port = floor_port(bare)
        async with place.session(SENDER) as ours, aiohttp.ClientSession() as theirs:
            body = letters[0].one_shot

            async def put() -> None:
                async with theirs.put(f"http://127.0.0.1:{port}/small", data=body) as answer:
                    assert answer.status == 201, await answer.read()

            async def send() -> None:
                await disclose(ours, letters.pop())

            for _ in range(WARM_UP):
                await send()
                await put()
            for number in range(ROUNDS):
                took = await spent(hub, send)
                least = await spent(floor, put)
                ratios.append(took / least)
                report(
                    f"round {number + 1}: hub {took * 1e3:.2f} ms CPU per disclosure, "
                    f"floor {least * 1e3:.2f} ms"
                )
    return [
        Figure(
            name="hub_cpu_per_disclosure_vs_floor",
            value=statistics.median(ratios),
            bound=3.0,
            unit="hub CPU / floor CPU",
            sense="at most",
        )
    ]


async def spent(child: Child, one: Callable[[], Awaitable[None]]) -> float:
    """Return the CPU seconds of a process for one of `PER_ROUND` calls."""
    before = child.cpu_s()
    for _ in range(PER_ROUND):
        await one()
    return (child.cpu_s() - before) / PER_ROUND


def floor_port(folder: Path) -> int:
    """Return the port that the floor wrote down in its directory."""
    return int((folder / "port").read_text())


def large_letter(place: Place, consent: Given, folder: Path) -> tuple[Letter, Path]:
    """Return a sealed 1 GiB document in a file, and the manifest about it."""
    target = folder / "large.age"
    encryptor = Encryptor([HybridRecipient(office(RECIPIENT).key.recipient)])
    digest, piece = hashlib.sha256(), os.urandom(MIB)
    with target.open("wb") as file:
        for _ in range(padme(LARGE) // MIB):
            ready = encryptor.update(piece)
            digest.update(ready)
            file.write(ready)
        rest = encryptor.finalize()
        digest.update(rest)
        file.write(rest)
    identity = place.offices[SENDER].identity
    terms = Terms(
        id=str(uuid4()),
        sender=SENDER,
        kid=identity.kid,
        consent=consent.digest,
        purpose="housing-loss",
        category="rent-arrears-letter",
        secrecy=Secrecy.PROFESSIONAL,
        iat=seconds(place.now),
        exp=seconds(place.now) + 86_400,
    )
    key = place.offices[RECIPIENT].key.recipient.fingerprint
    context = new_context(terms, [Addressee(RECIPIENT, key)], sha256_hex(b"contents"))
    size = target.stat().st_size
    manifest = sign(
        Kind.MANIFEST, manifest_payload(context.raw, sha256=digest.hexdigest(), size=size), identity
    )
    return Letter(context.id, manifest, b"", consent.digest, 0), target


async def pieces(head: bytes, source: Path) -> AsyncIterator[bytes]:
    """Yield a head and then a file, in pieces of 256 KiB."""
    if head:
        yield head
    with source.open("rb") as file:
        while piece := file.read(MIB // 4):
            yield piece


def _upload(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory(dir=memory_folder()) as name:
        return asyncio.run(_upload_in(Path(name), report))


async def _upload_in(folder: Path, report: Report) -> list[Figure]:
    place = Place(folder)
    consent = await place.prepared()
    bare = folder / "floor"
    bare.mkdir()
    ratios, growth = [], 0
    with (
        place.served() as hub,
        running(["-m", "tests.bench.floor", str(bare)], ready="ready"),
    ):
        url = f"http://127.0.0.1:{floor_port(bare)}/large"
        async with place.session(SENDER) as ours, aiohttp.ClientSession() as theirs:
            for letter in small_letters(place, consent, 30):
                await disclose(ours, letter)
            for number in range(3):
                letter, source = large_letter(place, consent, folder)
                floor_s = await _timed(theirs.put(url, data=pieces(b"", source)))
                hub.forget_peak()
                before = hub.resident()
                head = letter.manifest + b"\n"
                headers = {"Content-Type": routes.DISCLOSURE}
                sending = ours.post("/v1/disclosures", data=pieces(head, source), headers=headers)
                hub_s = await _timed(sending)
                source.unlink()
                async with place.session(RECIPIENT) as reader:
                    await _drained(reader, letter)
                growth = max(growth, hub.peak() - before)
                ratios.append(floor_s / hub_s)
                async with ours.post(f"/v1/disclosures/{letter.id}/recall") as answer:
                    assert answer.status == 200, await answer.read()
                for payload in (place.home / "payloads").rglob("*"):
                    if payload.is_file() and payload.stat().st_size > LARGE // 2:
                        payload.unlink()  # the sweeper would do it an hour later
                report(
                    f"round {number + 1}: hub {LARGE / hub_s / 1e6:.0f} MB/s, "
                    f"floor {LARGE / floor_s / 1e6:.0f} MB/s"
                )
    return [
        Figure(
            name="upload_1gib_vs_floor",
            value=statistics.median(ratios),
            bound=0.7,
            unit="hub MB/s / floor MB/s",
            sense="at least",
        ),
        Figure(
            name="hub_memory_growth_mib",
            value=growth / MIB,
            bound=64,
            unit="MiB while 1 GiB goes in and out",
            sense="at most",
        ),
    ]


async def _timed(
    request: "aiohttp.client._BaseRequestContextManager[aiohttp.ClientResponse]",
) -> float:
    start = parts.now()
    async with request as answer:
        body = await answer.read()
        assert answer.status == 201, body
    return parts.now() - start


async def _drained(session: aiohttp.ClientSession, letter: Letter) -> None:
    async with session.get(f"/v1/disclosures/{letter.id}/payload") as answer:
        assert answer.status == 200, await answer.read()
        async for _ in answer.content.iter_chunked(MIB):
            pass


CPU = Benchmark(names=("hub_cpu_per_disclosure_vs_floor",), run=_cpu)
UPLOAD = Benchmark(names=("upload_1gib_vs_floor", "hub_memory_growth_mib"), run=_upload)
