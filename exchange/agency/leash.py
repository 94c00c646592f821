"""One worker process on its leash: started clean, asked one thing at a time, killed from outside.

Reads what the worker says as hostile. Knows nothing of folders' contents; see `rooms`.
"""

import asyncio
import contextlib
import os
import resource
import secrets
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self, TypeVar

from exchange.agency import job
from exchange.agency.job import Kind, Offer, Outcome
from exchange.agency.lend import Address, Lender
from exchange.agency.plugin_words import readable
from exchange.canonical import Json
from exchange.errors import Malformed, Misconfigured, Quarantined, TooLarge, Unavailable
from exchange.hookspecs import Declaration

ANSWERS: Final[Mapping[Kind, frozenset[Outcome]]] = MappingProxyType(
    {
        Kind.INTAKE: frozenset({Outcome.MALFORMED}),
        Kind.OUTGOING: frozenset({Outcome.MALFORMED}),
        Kind.EVIDENCE: frozenset({Outcome.MALFORMED}),
        Kind.DELIVERY: frozenset({Outcome.UNAVAILABLE, Outcome.UNDELIVERABLE}),
    }
)
"""Noes that each kind of adapter may say in good order: its worker goes on afterwards."""

PROGRAM: Final = "import gc; gc.disable(); from exchange.agency.worker import main; main()"
"""What a worker's interpreter runs: nothing is garbage before the plugin is loaded, and `-m` would
import more than the worker does."""
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
_LAST_WORDS_S = 1.0
"""Seconds a worker that fell silent has to end by itself, so that its exit status is seen."""

Stream = TypeVar("Stream", asyncio.StreamReader, asyncio.StreamWriter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one call of an adapter may cost (docs/plugins.md, limits)."""

    start_s: float = 30.0
    """Seconds until the worker has imported the plugin."""
    wall_s: float = 120.0
    """Seconds until a call has answered."""
    cpu_s: int = 60
    """Seconds of processor time of one call."""
    memory: int = 1 << 30
    """Bytes of address space of the worker."""
    descriptors: int = 64
    files: int = 2_000
    """Largest number of files written."""
    growth: int = 4
    """Bytes written, in one file and in all: at most `growth` times the input plus `allowance`."""
    allowance: int = 64 << 20
    noise: int = 1 << 20
    """Bytes the plugin may print during one call; nobody reads them."""
    parallel: int = 2
    """Workers of one adapter at the same time."""
    waiting: int = 200
    """Calls that may wait for a worker."""
    documents: int = 1_000
    """Calls until a worker is replaced by a fresh one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What workers run: one kind of adapter of a plugin, named as settings name it."""

    plugin: str
    distribution: str = ""
    """Empty means `exchange-plugin-<plugin>`."""
    kind: Kind = Kind.INTAKE
    settings: Mapping[str, Json] = field(default_factory=dict, repr=False)
    """The plugin's own table."""
    reads: tuple[Path, ...] = ()
    """Files and folders of the agency that the workers may read."""
    addresses: Mapping[str, Address] = field(default_factory=dict)
    """Where a delivery may connect to, by name."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of a delivery."""


class Reason(StrEnum):
    """Why a call of an adapter came to nothing; the code of `Quarantined`."""

    MALFORMED = "malformed"
    """The adapter says that the content is not what it should be."""
    UNAVAILABLE = "unavailable"
    """The delivery says that its system is away."""
    UNDELIVERABLE = "undeliverable"
    """The delivery says that its system will never take this document."""
    FAILED = "adapter-failed"
    RESULT = "wrong-result"
    MEMORY = "memory"
    TIMEOUT = "timeout"
    CPU = "processor-time"
    CRASHED = "crashed"
    NOISE = "noise"
    PROTOCOL = "protocol"
    START = "start"
    OUTPUT_COUNT = "output-count"
    OUTPUT_UNNAMED = "output-unnamed"
    OUTPUT_NAME = "output-name"
    OUTPUT_KIND = "output-kind"
    OUTPUT_SIZE = "output-size"


class Leash:
    """A worker process and its room."""

    def __init__(
        self, process: Process, kind: Kind, room: Path, limits: Limits, lender: Lender | None
    ) -> None:
        self.room = room
        self.documents = 0
        """Calls so far."""
        self.offers: Mapping[str, Offer] = {}
        """What the adapters of the plugin say of themselves, by key."""
        self.declared: Declaration | None = None
        """What the plugin says of itself; None: nothing that can be told."""
        self.missing: tuple[str, ...] = ()
        """Walls this machine's kernel does not offer, such as `landlock`."""
        self._process = process
        self._kind = kind
        self._lender = lender
        self._stdin = _piped(process.stdin)
        self._stdout = _piped(process.stdout)
        self._stderr = _piped(process.stderr)
        self._limits = limits
        self._noise = 0
        self._too_noisy = False
        self._listening = asyncio.create_task(self._listen(), name="noise of a worker")

    @classmethod
    async def start(cls, adapter: Adapter, room: Path, limits: Limits) -> Self:
        """Start a worker in `room` and wait until it has loaded its plugin.

        Raises:
            Misconfigured: the plugin cannot be loaded, offers nothing of this kind, or did not
                load in time.
            Unavailable: the machine cannot start a process now.
        """
        with contextlib.ExitStack() as theirs:
            lender: Lender | None = None
            lent: tuple[int, ...] = ()
            try:
                if adapter.kind is Kind.DELIVERY:
                    ours, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    theirs.enter_context(end)
                    lender, lent = Lender(adapter.addresses, ours), (end.fileno(),)
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-I", "-B", "-c", PROGRAM, *map(str, lent)),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=PIPE,
                    limit=job.ANSWER_LIMIT,
                    cwd=job.folder_out(room),
                    env=_ENVIRONMENT,
                    start_new_session=True,
                    pass_fds=lent,
                )
            except BaseException as trouble:
                if lender is not None:
                    await lender.close()
                if isinstance(trouble, OSError):
                    raise Unavailable("a worker cannot be started") from None
                raise
        leash = cls(process, adapter.kind, room, limits, lender)
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(leash.kill)
            await leash._greet(adapter)
            undo.pop_all()
        return leash

    async def _greet(self, adapter: Adapter) -> None:
        first = job.Start(
            kind=adapter.kind,
            plugin=adapter.plugin,
            distribution=adapter.distribution,
            settings=adapter.settings,
            reads=[str(path) for path in adapter.reads],
            secrets=adapter.secrets,
            room=str(self.room),
            memory=self._limits.memory,
            descriptors=self._limits.descriptors,
        )
        try:
            async with asyncio.timeout(self._limits.start_s):
                await self._say(job.start_line(first))
                self.missing = job.read_walls(await self._hear())
                found = job.read_ready(await self._hear(), adapter.kind)
        except (EOFError, OSError, ValueError, Malformed, TooLarge):  # or out of time
            raise Misconfigured(f"plugin {adapter.plugin}: its worker did not start") from None
        if isinstance(found, str):
            raise Misconfigured(found)
        if not found.offers:
            raise Misconfigured(f"plugin {adapter.plugin}: provides nothing for {adapter.kind}")
        self.offers, self.declared = found.offers, found.declared

    @property
    def alive(self) -> bool:
        """Whether the process still runs, as far as known."""
        return self._process.returncode is None

    async def ask(self, adapter: str, asked: Mapping[str, Json], *, most: int) -> Mapping[str, Any]:
        """Have one call made and return what the worker says of the result, not yet read.

        Args:
            adapter: its key, one of `offers`.
            asked: what it is asked; the files lie in the room.
            most: largest size in bytes of a file that can be written.

        Raises:
            Quarantined: anything else happened. The worker may go on only after one of `ANSWERS`.
        """
        self.documents += 1
        self._noise = 0
        if self._lender is not None:
            self._lender.renew()
        request = job.Request(token=secrets.token_hex(16), adapter=adapter, asked=dict(asked))
        try:
            async with asyncio.timeout(self._limits.wall_s):
                self._restrain(most)
                await self._say(job.request_line(request))
                answer = job.read_answer(await self._hear())
        except TimeoutError:
            raise Quarantined(Reason.TIMEOUT) from None
        except (EOFError, OSError):
            raise Quarantined(await self._why_silent()) from None
        except (ValueError, Malformed, TooLarge):
            raise Quarantined(Reason.PROTOCOL) from None
        if answer.token != request.token:
            raise Quarantined(Reason.PROTOCOL)
        if answer.outcome is not Outcome.DONE:
            raise Quarantined(self._refused(answer.outcome), readable(job.said(answer)))
        return answer.result

    def _refused(self, outcome: Outcome) -> Outcome:
        """Return the no of an adapter; one that its kind may not say is a failure."""
        said = {Outcome.MALFORMED, Outcome.UNAVAILABLE, Outcome.UNDELIVERABLE}
        return Outcome.FAILED if outcome in said - ANSWERS[self._kind] else outcome

    async def kill(self) -> None:
        """End the process and whatever it started; nothing of it is left when this returns."""
        self._kill()
        if self._lender is not None:
            await self._lender.close()
        self._stdin.close()
        await self._process.wait()
        with contextlib.suppress(OSError, ValueError):
            async with asyncio.timeout(_LAST_WORDS_S):
                # Read to the end, or the pipes stay open: descriptors lost with each worker.
                await self._stdout.read()
                await self._listening

    def _kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _restrain(self, most: int) -> None:
        """Set this document's share of processor time and file size, from outside."""
        pid = self._process.pid
        spent = _cpu_s(Path(f"/proc/{pid}/stat").read_text("ascii", "replace"))
        soft = spent + self._limits.cpu_s
        resource.prlimit(pid, resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    async def _say(self, line: bytes) -> None:
        self._stdin.write(line)
        await self._stdin.drain()

    async def _hear(self) -> bytes:
        line = await self._stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    async def _why_silent(self) -> Reason:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _LAST_WORDS_S)
        if self._too_noisy:
            return Reason.NOISE
        return Reason.CPU if self._process.returncode == -signal.SIGXCPU else Reason.CRASHED

    async def _listen(self) -> None:
        """Count what the plugin prints; it is never kept, it may be anything."""
        while heard := await self._stderr.read(1 << 16):
            self._noise += len(heard)
            if self._noise > self._limits.noise:
                self._too_noisy = True
                self._kill()


def _piped(stream: Stream | None) -> Stream:
    if stream is None:
        raise Unavailable("a worker was started without pipes")
    return stream


def _cpu_s(status: str) -> int:
    """Return the seconds of processor time in a line of /proc/<pid>/stat (proc(5)), rounded up."""
    fields = status.rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return -(-(user + system) // os.sysconf("SC_CLK_TCK"))
