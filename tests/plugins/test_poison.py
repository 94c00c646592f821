"""exchange.agency.intake against hostile plugins: each costs its one document, and no other.

THREATS: poison plugins (F12), escape (A81), greed (A82), forgery (A83).
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.agency.intake import Intake, folder_name
from exchange.agency.leash import Adapter, Limits
from exchange.canonical import Json
from exchange.errors import Misconfigured, Quarantined, Unavailable
from exchange.hookspecs import AGENCY_GROUP, DocumentPackage
from exchange.testing import package_of
from tests.plugins.kitchen import environment, install

LIMITS = Limits(
    wall_s=50.0,  # a loaded machine may take long for one second of processor time
    cpu_s=1,
    memory=512 << 20,
    files=50,
    allowance=400_000,
    noise=100_000,
    parallel=1,
)

REASONS = {
    "raise": "adapter-failed",
    "malformed": "malformed",
    "exit": "crashed",
    "interrupt": "crashed",
    "cancel": "crashed",
    "sleep": "timeout",
    "block": "timeout",
    "spin": "processor-time",
    "spin-deaf": "timeout",
    "eat": "memory",
    "eat-map": "adapter-failed",
    "fork": "adapter-failed",
    "thread": "adapter-failed",
    "execute": "adapter-failed",
    "leak": "adapter-failed",
    "print-endlessly": "noise",
    "print-errors-endlessly": "noise",
    "leave": "crashed",
    "crash": "crashed",
    "change-input": "adapter-failed",
    "tcp": "adapter-failed",
    "udp": "adapter-failed",
    "unix": "adapter-failed",
    "netlink": "adapter-failed",
    "lift": "adapter-failed",
    "signal": "adapter-failed",
    "nothing": "wrong-result",
    "empty": "wrong-result",
    "words": "wrong-result",
    "number": "wrong-result",
    "surrogate": "wrong-result",
    "coroutine": "wrong-result",
    "missing": "output-unnamed",
    "twice": "output-count",
    "up": "adapter-failed",
    "up-unwritten": "output-unnamed",
    "device": "output-name",
    "alphabet": "output-name",
    "case": "output-name",
    "symlink": "adapter-failed",
    "pipe": "adapter-failed",
    "folder": "adapter-failed",
    "sparse": "adapter-failed",
    "many-bytes": "output-size",
    "many-files": "output-count",
    "secret-files": "output-count",
    "unnamed": "output-unnamed",
    "say-nonsense": "protocol",
    "say-another": "protocol",
    "say-endlessly": "protocol",
    "hang-up": "crashed",
    "patch": "output-unnamed",
}


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


BY_CALLS = {"fork", "thread", "execute", "tcp", "udp", "unix", "netlink", "lift", "signal"}
BY_LANDLOCK = {"change-input", "up", "symlink", "pipe", "folder"}


@pytest.fixture(scope="module")
def missing(interpreter: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The walls that this kernel does not have."""

    async def ask() -> tuple[str, ...]:
        async with Office(tmp_path_factory.mktemp("walls")).intake() as intake:
            return (await intake.start()).missing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(interpreter))
        return asyncio.run(ask())


def need(wall: str, missing: tuple[str, ...]) -> None:
    """Skip where the kernel lacks `wall`; the gateway says so at its start."""
    if wall in missing:
        pytest.skip(f"this kernel lacks {wall}: Linux >= 5.13 with Landlock and seccomp")


class Office:
    """A gateway's folders: documents in, conversions out, and the secrets beside them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name in ("root", "quarantine", "spool"):
            (home / name).mkdir(mode=0o700)

    def intake(self, limits: Limits = LIMITS, **settings: Json) -> Intake:
        adapter = Adapter(plugin="poison", settings=settings)
        return Intake(adapter, self.home / "root", limits=limits)

    def document(self, words: str) -> DocumentPackage:
        folder = self.home / "quarantine" / os.urandom(4).hex()
        folder.mkdir()
        return package_of(folder, {"words.txt": ("text/plain", words.encode())})

    def target(self) -> Path:
        folder = self.home / "spool" / os.urandom(4).hex()
        folder.mkdir()
        return folder

    async def convert(self, intake: Intake, words: str) -> str:
        """Return what became of a document: the content of its one file."""
        target = self.target()
        async with asyncio.timeout(60):
            (file,) = await intake.convert(self.document(words), target)
        assert [path.name for path in target.iterdir()] == [file.name]
        return (target / file.name).read_text()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
async def intake(office: Office) -> AsyncIterator[Intake]:
    async with office.intake() as running:
        yield running


def children() -> set[int]:
    """Return every process that this one has started, zombies included."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(status.parent.name))
    return found


@pytest.fixture(autouse=True)
def nothing_left(office: Office) -> Iterator[None]:
    """No poison leaves a process behind, or a copy of a document."""
    before = children()
    yield
    assert children() <= before
    assert list((office.home / "root").iterdir()) == []


@pytest.mark.parametrize("word", REASONS)
async def test_each_poison_costs_one_document_and_the_next_one_works(
    word: str, office: Office, missing: tuple[str, ...]
) -> None:
    if word in BY_CALLS | BY_LANDLOCK:
        need("calls" if word in BY_CALLS else "landlock", missing)
    limits = replace(LIMITS, wall_s=5.0) if REASONS[word] == "timeout" else LIMITS
    async with office.intake(limits) as intake:
        with pytest.raises(Quarantined) as refusal:
            await office.convert(intake, word)
        assert refusal.value.reason == REASONS[word]
        assert "person" not in str(refusal.value)
        intake._staff.limits = LIMITS  # of the next worker
        assert await office.convert(intake, "fine") == "fine"


@pytest.mark.parametrize("word", ["raise", "leave", "say-another", "patch", "leak"])
async def test_a_poison_in_a_worker_that_was_used_is_tried_again_in_a_fresh_one(
    word: str, office: Office, intake: Intake
) -> None:
    assert await office.convert(intake, "fine") == "fine"
    with pytest.raises(Quarantined) as refusal:
        await office.convert(intake, word)
    assert refusal.value.reason == REASONS[word]
    assert await office.convert(intake, "fine") == "fine"


async def test_what_one_document_leaves_in_a_worker_does_not_condemn_the_next(
    office: Office, intake: Intake
) -> None:
    """A worker says one line too many; the next document hears it, and gets a fresh worker."""
    await intake.start()
    leash = intake._staff._idle[0]
    leash._stdout.feed_data(b'{"kind":"","outcome":"done","result":{"names":["a"]},"token":"x"}\n')
    leash.documents = 1
    assert await office.convert(intake, "fine") == "fine"


async def test_a_worker_is_kept_after_success_and_after_malformed(
    office: Office, intake: Intake
) -> None:
    before = children()
    await office.convert(intake, "fine")
    first = children() - before
    with pytest.raises(Quarantined):
        await office.convert(intake, "malformed")
    await office.convert(intake, "fine")
    assert children() - before == first


async def test_a_worker_is_replaced_after_its_share_of_documents(office: Office) -> None:
    before, seen = children(), set[int]()
    async with office.intake(Limits(documents=2, parallel=1)) as intake:
        for _ in range(4):
            await office.convert(intake, "fine")
            seen |= children() - before
        assert children() == before
    assert len(seen) == 2


async def test_what_a_document_leaves_running_ends_with_it(office: Office, intake: Intake) -> None:
    assert await office.convert(intake, "task") == "task"
    assert await office.convert(intake, "fine") == "fine"


async def test_a_little_noise_disturbs_nobody(office: Office, intake: Intake) -> None:
    for _ in range(3):
        assert await office.convert(intake, "print-a-little") == "good"


@pytest.mark.parametrize(
    "place",
    ["/etc/passwd", "/proc/self/environ", "/proc/self/status", "{quarantine}", "{key}", "{source}"],
)
async def test_a_worker_reads_no_file_but_its_document(
    place: str, office: Office, intake: Intake, missing: tuple[str, ...]
) -> None:
    need("landlock", missing)
    other = office.document("the document of another person")
    key = office.home / "identity.key"
    key.write_text("a key")
    source = Path(__file__).resolve().parents[2] / "pyproject.toml"
    path = place.format(quarantine=other.files[0].path, key=key, source=source)
    for act in ("read", "write"):
        with pytest.raises(Quarantined) as refusal:
            await office.convert(intake, f"{act} {path}")
        assert refusal.value.reason == "adapter-failed"
    assert other.files[0].path.read_text() == "the document of another person"


@pytest.mark.parametrize("place", ["/", "/proc", "/etc", "{home}", "{home}/quarantine", "/tmp"])
async def test_a_worker_lists_no_folder_but_its_own(
    place: str, office: Office, intake: Intake, missing: tuple[str, ...]
) -> None:
    need("landlock", missing)
    with pytest.raises(Quarantined):
        await office.convert(intake, f"list {place.format(home=office.home)}")


async def test_a_worker_inherits_no_environment_and_no_descriptor(
    office: Office, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_SECRET", "a secret")
    told = await office.convert(intake, "inherited")
    assert "EXCHANGE" not in told
    assert told.split("] ")[0] == "['LC_ALL', 'TZ'"
    assert int(told.split("] ")[1]) <= 3  # of its event loop


async def test_two_documents_at_once_have_two_workers(office: Office) -> None:
    limits = Limits(wall_s=20, parallel=2)
    async with office.intake(limits) as intake:
        told = await asyncio.gather(*(office.convert(intake, f"word{n}") for n in range(6)))
        assert told == [f"word{n}" for n in range(6)]
        assert len(intake._staff._idle) <= 2


async def test_a_cancelled_conversion_leaves_nothing(office: Office, intake: Intake) -> None:
    conversion = asyncio.create_task(intake.convert(office.document("block"), office.target()))
    await asyncio.sleep(1)
    conversion.cancel()
    with pytest.raises(asyncio.CancelledError):
        await conversion
    assert list((office.home / "root").iterdir()) == []
    assert await office.convert(intake, "fine") == "fine"


async def test_a_worker_that_died_while_it_waited_is_replaced(
    office: Office, intake: Intake
) -> None:
    before = children()
    await office.convert(intake, "fine")
    (worker,) = children() - before
    os.kill(worker, signal.SIGKILL)
    async with asyncio.timeout(60):
        await intake._staff._idle[0]._process.wait()
    assert await office.convert(intake, "fine") == "fine"


async def test_more_conversions_than_may_wait_are_put_off(office: Office) -> None:
    async with office.intake(Limits(waiting=0)) as intake:
        with pytest.raises(Unavailable):
            await office.convert(intake, "fine")


async def test_a_machine_that_starts_no_process_puts_the_document_off(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(office.home / "no-such-interpreter"))
    async with office.intake() as intake:
        with pytest.raises(Unavailable):
            await office.convert(intake, "fine")


def test_the_name_of_a_folder_sorts_by_time_and_tells_nothing(office: Office) -> None:
    assert folder_name(office.document("fine")) == "2026-03-02_093000_6f6d4c36"


@pytest.mark.parametrize("what", ["deadlock", "raise", "leave"])
async def test_a_plugin_that_is_poison_at_the_start_stops_the_start(
    what: str, office: Office
) -> None:
    async with office.intake(Limits(start_s=5), start=what) as intake:
        with pytest.raises(Misconfigured, match="poison") as refusal:
            await intake.start()
        assert "person" not in str(refusal.value)


async def test_a_deadlock_on_import_costs_one_document_and_the_next_one_works(
    office: Office,
) -> None:
    mark = str(office.home / "root-mark")
    async with office.intake(Limits(start_s=8), start="deadlock-once", mark=mark) as intake:
        with pytest.raises(Quarantined) as refusal:
            await office.convert(intake, "fine")
        assert refusal.value.reason == "start"
        Path(mark).touch()
        intake._staff.limits = Limits()  # of the next worker
        assert await office.convert(intake, "fine") == "fine"


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_dozen_crashes_leave_no_zombie_and_no_descriptor(
    office: Office, intake: Intake
) -> None:
    await office.convert(intake, "fine")
    before = descriptors()
    for _ in range(4):
        for word in ("leave", "say-endlessly", "print-endlessly"):
            with pytest.raises(Quarantined):
                await office.convert(intake, word)
    await office.convert(intake, "fine")
    assert descriptors() <= before + 1
