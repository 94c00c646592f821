"""Poison that delivers, reads exports or looks at evidence: one attempt lost, and nothing else.

The same plugin as `test_poison`, by its other hooks. THREATS: F12, A81, A82, A83.
"""

import asyncio
import gc
import hashlib
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exchange.agency import rooms
from exchange.agency.deliver import Plugin
from exchange.agency.job import Kind
from exchange.agency.leash import Adapter, Limits
from exchange.agency.lend import MOST, Address
from exchange.agency.outgoing import Readers
from exchange.agency.staff import Staff
from exchange.errors import (
    ExchangeError,
    Malformed,
    Misconfigured,
    NotFound,
    Quarantined,
    TooLarge,
    Unavailable,
    Undeliverable,
)
from exchange.hookspecs import (
    AGENCY_GROUP,
    DeliveredFile,
    DeliveredFolder,
    ExportedFile,
    Label,
    Verdict,
)
from tests.plugins.kitchen import environment, install

LIMITS = Limits(
    wall_s=50.0,  # a loaded machine may take long for one second of processor time
    cpu_s=1,
    memory=512 << 20,
    allowance=400_000,
    noise=100_000,
    parallel=1,
)
SLEEPY = ("block", "sleep")
POISONS: Mapping[str, str] = {
    "raise": "adapter-failed",
    "exit": "crashed",
    "leave": "crashed",
    "crash": "crashed",
    "sleep": "timeout",
    "block": "timeout",
    "spin": "processor-time",
    "eat": "memory",
    "fork": "adapter-failed",
    "thread": "adapter-failed",
    "leak": "adapter-failed",
    "print-endlessly": "noise",
    "coroutine": "wrong-result",
    "say-nonsense": "protocol",
    "symlink": "adapter-failed",
    "patch": "protocol",
    "tcp": "adapter-failed",
}
LABEL = Label("x", "x", "x")


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python, site = environment(tmp_path_factory.mktemp("environment") / "poisoned")
    shutil.copy(Path(__file__).with_name("exchange_poison.py"), site)
    install(site, "poison", AGENCY_GROUP, "exchange_poison")
    return python


@pytest.fixture(autouse=True)
def poisoned(interpreter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers start with the interpreter of the poisoned environment."""
    monkeypatch.setattr(sys, "executable", str(interpreter))


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The folder of rooms: empty afterwards, whatever happened."""
    (tmp_path / "root").mkdir(mode=0o700)
    yield tmp_path / "root"
    assert list((tmp_path / "root").iterdir()) == []


def staff(kind: Kind, root: Path, limits: Limits = LIMITS, **addresses: Address) -> Staff:
    secrets = {"token": "swordfish"} if kind is Kind.DELIVERY else {}
    adapter = Adapter(plugin="poison", kind=kind, addresses=addresses, secrets=secrets)
    return Staff(adapter, root, limits=limits)


def delivered(tmp_path: Path, words: str) -> DeliveredFolder:
    path = tmp_path / "words.txt"
    path.write_text(words)
    content = words.encode()
    file = DeliveredFile(
        name=path.name,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        path=path,
    )
    return DeliveredFolder(
        disclosure_id="3b9a6f0e-51d1-4a1c-8a52-0d3f1a2b3c4d",
        folder="2026-03-02_093000_3b9a6f0e",
        sender="women-b",
        sender_name="Frauenberatung",
        purpose=LABEL,
        category=LABEL,
        secrecy=LABEL,
        collected_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        files=(file,),
    )


def exported(tmp_path: Path, words: str) -> ExportedFile:
    path = tmp_path / "export.txt"
    path.write_text(words)
    return ExportedFile(name="a/b?.txt", media_type="text/plain", size=len(words), path=path)


@dataclass
class Heard:
    """A system of the agency: what was said to it, and how often somebody connected."""

    port: int
    words: asyncio.Queue[str]
    connections: int = 0


@asynccontextmanager
async def listening() -> AsyncIterator[Heard]:
    heard = Heard(0, asyncio.Queue())
    ends = list[asyncio.Event]()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        ends.append(end := asyncio.Event())
        if said := await reader.read():
            heard.words.put_nowait(said.decode())
        writer.close()
        await writer.wait_closed()
        end.set()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    heard.port = server.sockets[0].getsockname()[1]
    try:
        yield heard
    finally:
        server.close()
        async with asyncio.timeout(60):  # the workers are gone, and so are their ends
            for end in ends:
                await end.wait()


def patient(word: str) -> Limits:
    """Return limits that end what sleeps soon, and let the machine be slow at all else."""
    return replace(LIMITS, wall_s=3.0) if word in SLEEPY else LIMITS


@pytest.mark.parametrize("word", POISONS)
async def test_poison_costs_one_delivery_and_the_next_one_works(
    word: str, root: Path, tmp_path: Path
) -> None:
    async with listening() as heard:
        address = Address("127.0.0.1", heard.port)
        async with staff(Kind.DELIVERY, root, patient(word), tool=address) as workers:
            plugin = Plugin("poison", "poison", workers)
            with pytest.raises(Quarantined) as refusal:
                await plugin.hand(delivered(tmp_path, f"{word} nowhere"))
            assert refusal.value.reason == POISONS[word]
            workers.limits = LIMITS  # of the next one
            await plugin.hand(delivered(tmp_path, "say tool"))
    assert heard.connections == 1


@pytest.mark.parametrize("word", POISONS)
async def test_poison_costs_one_export_and_the_next_one_works(
    word: str, root: Path, tmp_path: Path
) -> None:
    async with staff(Kind.OUTGOING, root, patient(word)) as workers:
        readers = Readers(root, outgoing={"poison": workers}, evidence={})
        with pytest.raises(Malformed, match=POISONS[word]) as refusal:
            async with readers.read("poison", [exported(tmp_path, f"{word} nowhere")]):
                pass
        assert "person" not in str(refusal.value)
        workers.limits = LIMITS  # of the next one
        async with readers.read("poison", [exported(tmp_path, "fine")]) as export:
            (file,) = export.files
            assert isinstance(file.source, Path)
            assert file.source.read_text() == "fine"
            assert export.package.reference == "7"


@pytest.mark.parametrize("word", POISONS)
async def test_poison_refuses_one_piece_of_evidence_and_the_next_one_is_looked_at(
    word: str, root: Path, tmp_path: Path
) -> None:
    async with staff(Kind.EVIDENCE, root, patient(word)) as workers:
        readers = Readers(root, outgoing={}, evidence={"poison": workers})
        with pytest.raises(Malformed, match=POISONS[word]):
            await readers.verify(exported(tmp_path, f"{word} nowhere"))
        workers.limits = LIMITS  # of the next one
        found = await readers.verify(exported(tmp_path, "fine"))
        assert found is not None
        assert found.verdict is Verdict.SIGNED


async def test_a_delivery_gets_its_secret_and_its_connection(root: Path, tmp_path: Path) -> None:
    async with (
        listening() as heard,
        staff(Kind.DELIVERY, root, tool=Address("localhost", heard.port)) as workers,
    ):
        for _ in range(2):
            await Plugin("poison", "poison", workers).hand(delivered(tmp_path, "say tool"))
        async with asyncio.timeout(30):
            words = [await heard.words.get() for _ in range(2)]
    assert words == ["3b9a6f0e-51d1-4a1c-8a52-0d3f1a2b3c4d swordfish"] * 2


@pytest.mark.parametrize("words", ["say another", "say ", "say " + "x" * 300, "say 127.0.0.1"])
async def test_an_address_the_settings_do_not_name_is_refused(
    words: str, root: Path, tmp_path: Path
) -> None:
    async with (
        listening() as heard,
        staff(Kind.DELIVERY, root, tool=Address("127.0.0.1", heard.port)) as workers,
    ):
        with pytest.raises(Quarantined) as refusal:
            await Plugin("poison", "poison", workers).hand(delivered(tmp_path, words))
    assert refusal.value.reason == "adapter-failed"
    assert heard.connections == 0


async def test_a_system_that_is_away_is_not_the_documents_fault(root: Path, tmp_path: Path) -> None:
    nowhere = Address("name.invalid", 80)
    with socket.socket() as taken:  # nobody listens at its port, and nobody else can take it
        taken.bind(("127.0.0.1", 0))
        address = Address("127.0.0.1", taken.getsockname()[1])
        async with staff(Kind.DELIVERY, root, tool=address, gone=nowhere) as workers:
            plugin = Plugin("poison", "poison", workers)
            for name in ("tool", "gone"):
                with pytest.raises(Unavailable):
                    await plugin.hand(delivered(tmp_path, f"say {name}"))


@pytest.mark.parametrize("word", ["reconnect", "fastopen"])
async def test_a_connection_leads_where_it_was_opened_to_and_nowhere_else(
    word: str, root: Path, tmp_path: Path
) -> None:
    async with (
        listening() as heard,
        listening() as elsewhere,
        staff(Kind.DELIVERY, root, tool=Address("127.0.0.1", heard.port)) as workers,
    ):
        document = delivered(tmp_path, f"{word} tool {elsewhere.port}")
        with pytest.raises(Quarantined) as refusal:
            await Plugin("poison", "poison", workers).hand(document)
    assert refusal.value.reason == "adapter-failed"
    assert elsewhere.connections == 0


async def test_connections_of_one_delivery_are_counted(root: Path, tmp_path: Path) -> None:
    async with (
        listening() as heard,
        staff(Kind.DELIVERY, root, tool=Address("127.0.0.1", heard.port)) as workers,
    ):
        with pytest.raises(Unavailable):
            await Plugin("poison", "poison", workers).hand(delivered(tmp_path, "hoard tool"))
    assert heard.connections == MOST


@pytest.mark.parametrize(
    ("word", "error"), [("unavailable", Unavailable), ("undeliverable", Undeliverable)]
)
async def test_a_delivery_may_say_not_now_and_never_and_its_worker_goes_on(
    word: str, error: type[ExchangeError], root: Path, tmp_path: Path
) -> None:
    async with staff(Kind.DELIVERY, root) as workers:
        leash = await workers.start()
        with pytest.raises(error) as refusal:
            await Plugin("poison", "poison", workers).hand(delivered(tmp_path, word))
        assert "person" not in str(refusal.value)
        assert leash.alive


async def test_only_a_delivery_may_say_not_now(root: Path, tmp_path: Path) -> None:
    async with staff(Kind.OUTGOING, root) as workers:
        readers = Readers(root, outgoing={"poison": workers}, evidence={})
        with pytest.raises(Malformed, match="adapter-failed"):
            async with readers.read("poison", [exported(tmp_path, "unavailable")]):
                pass


async def test_a_delivery_may_not_call_its_document_malformed(root: Path, tmp_path: Path) -> None:
    async with staff(Kind.DELIVERY, root) as workers:
        with pytest.raises(Quarantined) as refusal:
            await Plugin("poison", "poison", workers).hand(delivered(tmp_path, "malformed"))
    assert refusal.value.reason == "adapter-failed"


async def test_no_other_kind_of_worker_is_lent_a_connection(root: Path) -> None:
    address = Address("127.0.0.1", 9)
    for kind in (Kind.INTAKE, Kind.OUTGOING, Kind.EVIDENCE):
        async with staff(kind, root, tool=address) as workers:
            assert (await workers.start())._lender is None


async def test_an_export_too_large_for_its_format_reaches_no_worker(
    root: Path, tmp_path: Path
) -> None:
    async with staff(Kind.OUTGOING, root) as workers:
        readers = Readers(root, outgoing={"poison": workers}, evidence={})
        with pytest.raises(TooLarge):
            async with readers.read("poison", [exported(tmp_path, "x" * 1001)]):
                pass


async def test_an_export_nobody_reads_is_not_found(root: Path, tmp_path: Path) -> None:
    async with staff(Kind.OUTGOING, root) as workers:
        readers = Readers(root, outgoing={"poison": workers}, evidence={})
        assert list(await readers.formats()) == ["poison"]
        with pytest.raises(NotFound):
            async with readers.read("another", [exported(tmp_path, "fine")]):
                pass


async def test_evidence_nobody_looks_at_is_left_to_people(root: Path, tmp_path: Path) -> None:
    async with staff(Kind.EVIDENCE, root) as workers:
        readers = Readers(root, outgoing={}, evidence={"poison": workers})
        scan = replace(exported(tmp_path, "raise"), media_type="image/tiff")
        assert await readers.verify(scan) is None


async def test_a_plugin_that_is_not_there_hides_no_other_and_lets_no_evidence_pass(
    root: Path, tmp_path: Path
) -> None:
    missing = Adapter(plugin="missing", kind=Kind.OUTGOING)
    async with (
        Staff(missing, root) as nobody,
        staff(Kind.OUTGOING, root) as workers,
        Staff(replace(missing, kind=Kind.EVIDENCE), root) as blind,
    ):
        readers = Readers(
            root, outgoing={"missing": nobody, "poison": workers}, evidence={"missing": blind}
        )
        assert list(await readers.formats()) == ["poison"]
        async with readers.read("poison", [exported(tmp_path, "fine")]):
            pass
        with pytest.raises(Unavailable):
            await readers.verify(exported(tmp_path, "fine"))
        with pytest.raises(Misconfigured):
            await nobody.start()


async def test_a_worker_whose_room_cannot_be_cleared_ends(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staff(Kind.EVIDENCE, root) as workers:
        readers = Readers(root, outgoing={}, evidence={"poison": workers})
        await readers.verify(exported(tmp_path, "fine"))
        (leash,) = workers._idle
        with monkeypatch.context() as broken:
            broken.setattr(rooms, "clear", not_cleared)
            with pytest.raises(OSError, match="the disk"):
                await readers.verify(exported(tmp_path, "fine"))
        assert not leash.alive
        assert await readers.verify(exported(tmp_path, "fine")) is not None


def not_cleared(_room: Path) -> None:
    raise OSError("the disk does not answer")


async def test_who_asks_at_the_same_time_starts_one_worker(root: Path) -> None:
    async with staff(Kind.OUTGOING, root) as workers:
        readers = Readers(root, outgoing={"poison": workers}, evidence={})
        found = await asyncio.gather(*(readers.formats() for _ in range(5)))
        assert [list(each) for each in found] == [["poison"]] * 5
        assert len(workers._idle) == 1


async def test_a_start_that_is_cancelled_leaves_no_descriptor_and_no_task(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", never)
    gc.collect()  # what earlier tests have left to it
    before = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())  # noqa: PTH208
    async with staff(Kind.DELIVERY, root) as workers:
        starting = asyncio.create_task(workers.start())
        await begun.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert (len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())) == before  # noqa: PTH208
