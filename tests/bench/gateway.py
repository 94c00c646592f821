"""The gateway: how soon a plugin's worker is ready, what a whole round costs, what a backlog does.

Cold starts are compared with an interpreter that imports nothing, or the same packages of others;
both are measured until they say that they are ready, in CPU time. A document that comes by a round
of the gateway is compared with one that is only received, a backlog of thousands with one of ten.
"""

import asyncio
import compileall
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import exchange
from exchange import registry
from exchange.agency import job, poll
from exchange.agency import receive as receiving
from exchange.agency.hand_over import open_reception
from exchange.agency.home import Home
from exchange.agency.job import Kind
from exchange.agency.leash import PROGRAM, Limits
from exchange.agency.parts import Gateway
from exchange.agency.receive import Outcome
from exchange.canonical import Json
from exchange.cli import events
from exchange.hookspecs import AGENCY_GROUP
from tests.bench.agency import _first, sent_letter
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.offices import RECIPIENT, SENDER, Offices
from tests.bench.processes import MIB, children

STARTS: Final = 25
PLUGINS: Final = (
    ("mailbox", Kind.INTAKE),
    ("bagit", Kind.INTAKE),
    ("asic", Kind.INTAKE),
    ("xdomea", Kind.OUTGOING),
    ("fhir", Kind.INTAKE),
    ("casetool", Kind.DELIVERY),
)
"""Every plugin of ours for an agency beside `folder`, by the kind that is started."""
SETTINGS: Final[Mapping[str, Mapping[str, Json]]] = {
    "casetool": {"server": "tool.office.example", "path": "/exchange", "security": "none"},
    "mailbox": {"sender": "exchange@office.example", "recipient": "post@office.example"},
}
SECRETS: Final[Mapping[str, Mapping[str, str]]] = {"casetool": {"key": "whsec_" + "A" * 44}}
FEW, MANY, ROUNDS = 10, 10_000, 7
SENDERS: Final = 4
"""Letters that are sent at once to fill a backlog."""
WARM_UP, LETTERS = 20, 40
PROGRESS, PROGRESS_S = 500, 30.0
"""Documents sent, and seconds of receiving, until it is said how far a backlog has come."""


def _cold(report: Report) -> list[Figure]:
    _compile()
    bare, folder = _started("folder", Kind.INTAKE, ())
    report(f"folder: {folder * 1e3:.1f} ms CPU, {folder / bare:.2f} x {bare * 1e3:.1f} ms")
    ratios = {}
    for plugin, kind in PLUGINS:
        imported = foreign(plugin, kind)
        floor, ours = _started(plugin, kind, imported)
        ratios[plugin] = ours / floor
        many = f"{len(imported)} foreign modules"
        report(
            f"{plugin}: {ours * 1e3:.1f} ms CPU, {ours / floor:.2f} x {floor * 1e3:.1f} ms "
            f"of an interpreter with its {many}, {ours / bare:.2f} x a bare one"
        )
    return [
        Figure(
            name="plugin_cold_start_vs_python",
            value=folder / bare,
            bound=4.0,
            unit="CPU of a worker with folder / of a bare interpreter, until ready",
            sense="at most",
        ),
        Figure(
            name="plugin_cold_start_vs_imports",
            value=max(ratios.values()),
            bound=1.5,
            unit="CPU of the worst other worker / of an interpreter with the same foreign modules",
            sense="at most",
        ),
    ]


def _compile() -> None:
    """Compile the sources as an installer does: workers never write what they have compiled."""
    code = [exchange.__path__[0]]
    for name in ("folder", *(plugin for plugin, _ in PLUGINS)):
        code += registry.code_of(AGENCY_GROUP, registry.Named(name=name))
    for folder in code:
        assert compileall.compile_dir(folder, quiet=1), folder


def _started(plugin: str, kind: Kind, imported: Sequence[str]) -> tuple[float, float]:
    """Return CPU seconds until ready, of an interpreter and of a worker.

    The least of many in turns: processor time is only ever added to by what else runs.
    """
    imports = f"import {', '.join(imported)}; " if imported else ""
    program = f"{imports}print(flush=True); print(flush=True); input()"
    bare, ours = [], []
    for _ in range(STARTS):
        bare.append(_until_ready(program, b""))
        with tempfile.TemporaryDirectory() as name:
            ours.append(_until_ready(PROGRAM, _first_line(plugin, kind, Path(name))))
    return min(bare), min(ours)


def _first_line(plugin: str, kind: Kind, room: Path) -> bytes:
    for folder in (job.folder_in(room), job.folder_out(room)):
        folder.mkdir()
    limits = Limits()
    start = job.Start(
        kind=kind,
        plugin=plugin,
        distribution=f"exchange-plugin-{plugin}",
        settings=SETTINGS.get(plugin, {}),
        secrets=SECRETS.get(plugin, {}),
        room=str(room),
        memory=limits.memory,
        descriptors=limits.descriptors,
    )
    return job.start_line(start)


def _until_ready(program: str, line: bytes) -> float:
    with subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        process.stdin.flush()
        said = [process.stdout.readline() for _ in range(2)]  # walls, and what it offers
        spent = int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9
        assert b"refused" not in said[1], said[1]
    return spent


def foreign(plugin: str, kind: Kind) -> tuple[str, ...]:
    """Return the modules of others that a worker with this plugin imports."""
    program = (
        "import sys; from exchange import registry; from exchange.agency import job, tasks; "
        f"tasks.TASKS[job.Kind({kind.value!r})]; "
        f"registry.load('exchange.agency', [registry.Named(name={plugin!r})]); "
        "print(*sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-I", "-B", "-c", program], check=True, capture_output=True, text=True
    )
    bare = subprocess.run(
        [sys.executable, "-I", "-B", "-c", "import sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    ours = {"exchange", f"exchange_plugin_{plugin}", *sys.stdlib_module_names}
    found = dict.fromkeys(said.stdout.split())
    for name in bare.stdout.split():
        found.pop(name, None)
    return tuple(
        name
        for name in found
        if name.partition(".")[0] not in ours and name.replace(".", "").isidentifier()
    )


def _delivery(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("w") as nowhere:
        events.configure(nowhere)
        return [asyncio.run(_delivery_in(Path(name), report))]


async def _delivery_in(root: Path, report: Report) -> Figure:
    """Compare receiving alone with whole rounds of the gateway, in turns."""
    offices = Offices(root)
    with offices.hub():
        consent = await offices.agreed()
        async with (
            offices.open(SENDER) as women,
            offices.open(RECIPIENT) as jobcentre,
            open_reception(jobcentre) as reception,
        ):

            async def received(count: int) -> float:
                for _ in range(count):
                    await sent_letter(women, consent)
                before = time.process_time() + children()
                for _ in range(count):
                    found = await receiving.receive(jobcentre, reception, await _first(jobcentre))
                    assert found is Outcome.ACCEPTED
                return (time.process_time() + children() - before) / count

            async def fetched(count: int) -> float:
                for _ in range(count):
                    await sent_letter(women, consent)
                before = time.process_time() + children()
                done = await poll.fetch(jobcentre, reception)
                assert done.outcomes == {Outcome.ACCEPTED: count}, done
                return (time.process_time() + children() - before) / count

            await received(WARM_UP)
            await fetched(WARM_UP)
            ratios = []
            for _ in range(ROUNDS):
                alone, whole = await received(LETTERS), await fetched(LETTERS)
                ratios.append(alone / whole)
                report(f"received {alone * 1e3:.2f} ms CPU, by a round {whole * 1e3:.2f} ms")
    return Figure(
        name="gateway_delivery_vs_receive",
        value=statistics.median(ratios),
        bound=0.5,
        unit="documents per CPU second by rounds / received alone",
        sense="at least",
    )


def _backlog(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("w") as nowhere:
        events.configure(nowhere)
        return asyncio.run(backlog_in(Path(name), report, MANY))


async def backlog_in(root: Path, report: Report, many: int) -> list[Figure]:
    """Let a few documents wait, several times, and then many: cost of each, and memory."""
    offices = Offices(root)
    with offices.hub():
        consent = await offices.agreed()

        async def cost(count: int) -> tuple[float, int]:
            async with offices.open(SENDER) as women:
                await _fill(women, consent, count, report)
            return await asyncio.to_thread(_round, offices.offices[RECIPIENT].home, count, report)

        await cost(FEW)
        few = statistics.median([(await cost(FEW))[0] for _ in range(ROUNDS)])
        each, peak = await cost(many)
        report(f"{FEW} waiting: {few * 1e3:.2f} ms CPU each; {many}: {each * 1e3:.2f} ms each")
    return [
        Figure(
            name="gateway_backlog_memory_mib",
            value=peak / MIB,
            bound=150,
            unit=f"MiB of the gateway and its workers with {many} documents waiting",
            sense="at most",
        ),
        Figure(
            name="gateway_backlog_cost_growth",
            value=each / few,
            bound=1.2,
            unit=f"CPU per document with {many} waiting / with {FEW}",
            sense="at most",
        ),
    ]


async def _fill(women: Gateway, consent: str, count: int, report: Report) -> None:
    """Send letters, a few at a time: what a document costs to send is not measured here."""
    numbers = iter(range(count))

    async def sender() -> None:
        for sent in numbers:
            if sent and sent % PROGRESS == 0:
                report(f"sent {sent} of {count}")
            await sent_letter(women, consent)

    async with asyncio.TaskGroup() as senders:
        for _ in range(SENDERS):
            senders.create_task(sender())


def _round(home: Home, count: int, report: Report) -> tuple[float, int]:
    """Make one round in a gateway process of its own; return CPU seconds each and peak memory."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.gateway_round", str(home.root), str(count)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        before = _folders(home.spool)
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                said, _ = process.communicate(timeout=PROGRESS_S)
                break
            report(f"received {_folders(home.spool) - before} of {count}")
    assert process.returncode == 0
    cpu_s, peak = said.split()[-2:]
    return float(cpu_s), int(peak)


def _folders(spool: Path) -> int:
    return sum(1 for _ in spool.iterdir())


COLD = Benchmark(names=("plugin_cold_start_vs_python", "plugin_cold_start_vs_imports"), run=_cold)
DELIVERY = Benchmark(names=("gateway_delivery_vs_receive",), run=_delivery)
BACKLOG = Benchmark(
    names=("gateway_backlog_memory_mib", "gateway_backlog_cost_growth"), run=_backlog
)
