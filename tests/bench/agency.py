"""The agency against its unavoidable parts: CPU to send and to receive; memory for large documents.

The parts are timed alone in the same run: the cryptographic calls, the bare HTTP requests against
a server that does nothing, the fsyncs. What is compared is CPU time of the gateway's process (and,
when receiving, of its intake workers, those that start or end in between included), all threads
counted. docs/performance.md says why each part is in the list, and what is not.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.agency import receive as receiving
from exchange.agency.hand_over import Reception, open_reception
from exchange.agency.parts import Gateway
from exchange.agency.plan import Draft
from exchange.agency.send import send
from exchange.cli import events
from exchange.envelope.sealing import Outgoing
from exchange.keyring.ceremony import new_identity
from exchange.keyring.decryption import DocumentKey
from exchange.statement import verifying_keys
from exchange.wire import shapes
from tests.bench import floor
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.hub import floor_port
from tests.bench.offices import RECIPIENT, SENDER, Offices
from tests.bench.processes import MIB, Child, children, running
from tests.bench.seal import memory_folder

LETTER = b"%PDF-1.7\n" + bytes(50 * 1024 - 9)
SEALED, HEADER, MANIFEST, CONTENTS, ANSWER = 56_955, 1_627, 5_843, 213, 5_088
"""Bytes of a letter: padded package with its age overhead, and what belongs to it."""
SEALED_LETTER = LETTER + bytes(SEALED - len(LETTER))
PLUGIN_FILES = (3_054, 460, 1_658)
"""Bytes of what the plugin `folder` writes beside a letter: page, table and sidecar."""
WARM_UP, PER_ROUND, ROUNDS = 20, 40, 5


@dataclass(frozen=True, slots=True)
class Unavoidable:
    """How often each unavoidable part occurs for one document."""

    signatures: int
    verifications: int
    wraps: int
    unwraps: int
    hashes: int
    """SHA-256 passes over the document."""
    requests: tuple[tuple[str, int, int], ...]
    """Method, bytes sent, bytes answered."""
    files: tuple[int, ...]
    """Bytes of each file made durable: written, fsync."""
    folders: int
    """Directories made durable: fsync."""
    commits: tuple[int, ...]
    """SQLite commits with synchronous=FULL: the bytes each has to keep."""


SENDING = Unavoidable(
    signatures=1,
    verifications=0,
    wraps=1,
    unwraps=0,
    hashes=3,  # both passes over the plaintext, one over the ciphertext
    requests=(("POST", MANIFEST + SEALED, 200),),
    files=(SEALED,),
    folders=1,
    commits=(MANIFEST, 0),  # the signed manifest before it is sent; the hub's answer
)
RECEIVING = Unavoidable(
    signatures=1,
    verifications=1,
    wraps=0,
    unwraps=1,
    hashes=3,  # payload as downloaded, whole ciphertext, plaintext
    requests=(
        ("GET", 0, 6_418),  # inbox
        ("GET", 0, 13_982),  # consent: withdrawn meanwhile?
        ("GET", 0, SEALED - HEADER),  # payload
        ("POST", 0, 2_272),  # collection
        ("GET", 0, 13_982),  # consent, once more before the hand-over
        ("POST", ANSWER, 200),  # acknowledgement
    ),
    files=(len(LETTER), *PLUGIN_FILES),  # not the payload: until the answer it can be fetched
    folders=3,  # the files' names, their folder's name, its other name in the spool
    commits=(
        HEADER + MANIFEST,  # step 10: what was released, beside what it belongs to
        CONTENTS,  # step 16: evidence
        ANSWER,  # step 18: the one signed answer, before it is sent
        0,  # the hub has the answer
    ),
)


class Parts:
    """Times the parts alone."""

    def __init__(self, folder: Path, url: str, session: aiohttp.ClientSession) -> None:
        self._folder, self._url, self._session = folder, url, session
        self._identity = new_identity("women-b")
        self._keys = verifying_keys(self._identity.card)
        self._signatures = {a: self._identity.sign(a, LETTER[:900]) for a in self._algorithms}
        self._key = DocumentKey(os.urandom(32))
        self._enc, self._body = self._key.recipient.encapsulate(bytes(16))
        self._database = floor.connect(folder)
        self._cipher = ChaCha20Poly1305(os.urandom(32))
        self._database.execute("CREATE TABLE kept (id TEXT PRIMARY KEY, bytes BLOB)")

    @property
    def _algorithms(self) -> tuple[str, ...]:
        return self._identity.algorithms

    async def spend(self, least: Unavoidable) -> None:
        """Do every part of one document once."""
        self._compute(least)
        for method, sent, answered in least.requests:
            await self._request(method, sent, answered)
        for size in least.files:
            durable(self._folder, SEALED_LETTER[:size])
        for _ in range(least.folders):
            durable_names(self._folder)
        for size in least.commits:
            self._commit(SEALED_LETTER[:size])

    def _compute(self, least: Unavoidable) -> None:
        for _ in range(least.signatures):
            for algorithm in self._algorithms:
                self._identity.sign(algorithm, LETTER[:900])
        for _ in range(least.verifications):
            for algorithm, signature in self._signatures.items():
                self._keys.verify(algorithm, signature, LETTER[:900])
        for _ in range(least.wraps):
            self._key.recipient.encapsulate(bytes(16))
        for _ in range(least.unwraps):
            self._key.open(self._enc, self._body)
        self._cipher.encrypt(bytes(12), SEALED_LETTER, None)
        for _ in range(least.hashes):
            sha256(SEALED_LETTER).digest()

    def _commit(self, content: bytes) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("INSERT INTO kept VALUES (?, ?)", (os.urandom(16).hex(), content))
        self._database.execute("COMMIT")

    async def _request(self, method: str, sent: int, answered: int) -> None:
        url = f"{self._url}/bytes/{answered}"
        async with self._session.request(method, url, data=LETTER[:1] * sent or None) as answer:
            await answer.read()


def durable(folder: Path, content: bytes) -> None:
    """Write one file durably; not yet its name."""
    target = folder / os.urandom(8).hex()
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, content)
    os.fsync(fd)
    os.close(fd)


def durable_names(folder: Path) -> None:
    """Make the names in `folder` durable."""
    there = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(there)
    os.close(there)


async def spent(one: Callable[[], Awaitable[object]], workers: Callable[[], float]) -> float:
    """Return CPU seconds per call of `one`, in this process and its workers."""
    before = time.process_time() + workers()
    for _ in range(PER_ROUND):
        await one()
    return (time.process_time() + workers() - before) / PER_ROUND


def no_workers() -> float:
    """Return the CPU time of no worker."""
    return 0.0


async def sent_letter(women: Gateway, consent: str, content: bytes = LETTER) -> None:
    """Send one letter."""
    files = (Outgoing("letter.pdf", "application/pdf", content),)
    await send(
        women,
        Draft(
            files=files,
            consent=consent,
            recipients=(RECIPIENT,),
            category="rent-arrears-letter",
            seen_by_person=True,
        ),
    )


def _send(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        ratio = asyncio.run(_compared(Path(name), report, "send"))
    return [_figure("agency_send_vs_parts", ratio)]


def _receive(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        ratio = asyncio.run(_compared(Path(name), report, "receive"))
    return [_figure("agency_receive_vs_parts", ratio)]


def _figure(name: str, ratio: float) -> Figure:
    return Figure(name=name, value=ratio, bound=2.0, unit="CPU / CPU of parts", sense="at most")


async def _compared(folder: Path, report: Report, what: str) -> float:
    with Path(os.devnull).open("w") as nowhere:
        events.configure(nowhere)  # as the commands do: each event is rendered and written
        return await _compared_in(folder, report, what)


async def _compared_in(folder: Path, report: Report, what: str) -> float:
    offices = Offices(folder)
    bare = folder / "floor"
    bare.mkdir()
    alone = folder / "parts"
    alone.mkdir()
    with offices.hub(), running(["-m", "tests.bench.floor", str(bare)], ready="ready"):
        consent = await offices.agreed()
        url = f"http://127.0.0.1:{floor_port(bare)}"
        async with aiohttp.ClientSession() as session, offices.open(SENDER) as women:
            parts = Parts(alone, url, session)
            if what == "send":
                one = _sending(women, consent)
                return await _rounds(report, one, parts, SENDING, no_workers)
            async with offices.open(RECIPIENT) as jobcentre, open_reception(jobcentre) as reception:
                for _ in range(WARM_UP + ROUNDS * PER_ROUND):
                    await sent_letter(women, consent)
                one = _receiving(jobcentre, reception)
                return await _rounds(report, one, parts, RECEIVING, children)


def _sending(women: Gateway, consent: str) -> Callable[[], Awaitable[None]]:
    async def one() -> None:
        await sent_letter(women, consent)

    return one


async def _first(gateway: Gateway) -> shapes.Disclosure:
    """Return the disclosure that waits first in the inbox."""
    inbox = await gateway.client.inbox(after=None, limit=1, wait=0)
    found = inbox.entries[0].disclosure
    assert found is not None
    return found


def _receiving(jobcentre: Gateway, reception: Reception) -> Callable[[], Awaitable[None]]:
    async def one() -> None:
        waiting = await _first(jobcentre)
        outcome = await receiving.receive(jobcentre, reception, waiting)
        assert outcome is receiving.Outcome.ACCEPTED, outcome

    return one


async def _rounds(
    report: Report,
    one: Callable[[], Awaitable[None]],
    parts: Parts,
    least: Unavoidable,
    workers: Callable[[], float],
) -> float:
    async def alone() -> None:
        await parts.spend(least)

    for _ in range(WARM_UP):
        await one()
        await alone()
    ratios = []
    for number in range(ROUNDS):
        ours, floor_s = await spent(one, workers), await spent(alone, no_workers)
        ratios.append(ours / floor_s)
        report(f"round {number + 1}: {ours * 1e3:.2f} ms CPU, parts {floor_s * 1e3:.2f} ms")
    return statistics.median(ratios)


def _memory(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory(dir=memory_folder()) as name:
        return [asyncio.run(_memory_in(Path(name), report))]


async def _memory_in(folder: Path, report: Report) -> Figure:
    """Send and receive 1 GiB in gateway processes that did the same with 50 KiB before."""
    offices = Offices(folder)
    large = folder / "scan.tif"
    with large.open("wb") as file:
        for _ in range(1000):
            file.write(os.urandom(MIB))
    small = folder / "letter.pdf"
    small.write_bytes(LETTER)
    with offices.hub():
        consent = await offices.agreed()
        grown = 0
        for office, verb in ((SENDER, "send"), (RECIPIENT, "receive")):
            here = ["-m", "tests.bench.agency", verb, str(offices.offices[office].home.root)]
            here += [consent, str(small), str(large)]
            with running(here, ready="ready") as child:
                await asyncio.to_thread(_until_done, child)
            before, peak = map(int, (folder / verb).read_text().split())
            report(f"{verb} 1 GiB: {(peak - before) / MIB:.1f} MiB above {before / MIB:.0f} MiB")
            grown = max(grown, peak - before)
    return Figure(
        name="gateway_memory_growth_mib",
        value=grown / MIB,
        bound=64,
        unit="MiB while 1 GiB is sent, and received",
        sense="at most",
    )


def _until_done(child: Child) -> None:
    child.process.wait(600)


async def _alone(verb: str, root: Path, consent: str, small: Path, large: Path) -> None:
    """Be a gateway process: first a letter, then the large document; write down the memory."""
    from exchange.agency.app import open_gateway

    async with open_gateway(root) as gateway, open_reception(gateway) as reception:

        async def once(path: Path) -> None:
            if verb == "receive":  # the letter was sent first, so it waits first
                await receiving.receive(gateway, reception, await _first(gateway))
                return
            files = (Outgoing(path.name, _media_type(path), path),)
            draft = Draft(
                files=files,
                consent=consent,
                recipients=(RECIPIENT,),
                category="rent-arrears-letter",
                seen_by_person=True,
            )
            await send(gateway, draft)

        await once(small)
        Path("/proc/self/clear_refs").write_text("5")
        before = _own("VmRSS")
        await once(large)
        (small.parent / verb).write_text(f"{before} {_own('VmHWM')}")
    print("ready", flush=True)


def _media_type(path: Path) -> str:
    return {".tif": "image/tiff", ".pdf": "application/pdf"}[path.suffix]


def _own(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


SEND = Benchmark(names=("agency_send_vs_parts",), run=_send)
RECEIVE = Benchmark(names=("agency_receive_vs_parts",), run=_receive)
MEMORY = Benchmark(names=("gateway_memory_growth_mib",), run=_memory)

if __name__ == "__main__":
    asyncio.run(_alone(sys.argv[1], Path(sys.argv[2]), sys.argv[3], *map(Path, sys.argv[4:6])))
