"""One worker process on its leash: started clean, asked one thing at a time, killed from outside.

Reads what the worker says as hostile. Knows nothing of folders' contents; see `rooms`.
"""

import asyncio
import contextlib
import os
import resource
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self, TypeVar

from exchange.agency import job
from exchange.canonical import Json
from exchange.errors import Malformed, Misconfigured, Quarantined, TooLarge, Unavailable
from exchange.hookspecs import FILES, Capabilities, DocumentPackage

_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
_LAST_WORDS_S = 1.0
"""Seconds a worker that fell silent has to end by itself, so that its exit status is seen."""

Stream = TypeVar("Stream", asyncio.StreamReader, asyncio.StreamWriter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one conversion may cost (docs/plugins.md, limits)."""

    start_s: float = 30.0
    """Seconds until the worker has imported the plugin."""
    wall_s: float = 120.0
    """Seconds until a conversion has answered."""
    cpu_s: int = 60
    """Seconds of processor time of one conversion."""
    memory: int = 1 << 30
    """Bytes of address space of the worker."""
    descriptors: int = 64
    files: int = 2_000
    """Largest number of files written."""
    growth: int = 4
    """Bytes written, in one file and in all: at most `growth` times the input plus `allowance`."""
    allowance: int = 64 << 20
    noise: int = 1 << 20
    """Bytes the plugin may print during one conversion; nobody reads them."""
    parallel: int = 2
    """Workers of one adapter at the same time."""
    waiting: int = 200
    """Conversions that may wait for a worker."""
    documents: int = 1_000
    """Conversions until a worker is replaced by a fresh one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """Which intake format converts: a plugin, named as settings name it, and a profile."""

    plugin: str
    distribution: str = ""
    """Empty means `exchange-plugin-<plugin>`."""
    profile: str = FILES
    settings: Mapping[str, Json] = field(default_factory=dict, repr=False)
    """The plugin's own table."""


@dataclass(frozen=True, slots=True)
class Started:
    """What a worker said of itself when it started."""

    capabilities: Capabilities
    missing: tuple[str, ...]
    """Walls this machine's kernel does not offer, such as `landlock`; to be told at start-up."""


class Reason(StrEnum):
    """Why a document could not be converted; the code of `Quarantined`."""

    MALFORMED = "malformed"
    """The adapter says that the content is not what its profile promises."""
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

    def __init__(self, process: Process, room: Path, limits: Limits) -> None:
        self.room = room
        self.documents = 0
        """Conversions so far."""
        self.started: Started
        self._process = process
        self._stdin = _piped(process.stdin)
        self._stdout = _piped(process.stdout)
        self._stderr = _piped(process.stderr)
        self._limits = limits
        self._noise = 0
        self._too_noisy = False
        self._listening = asyncio.create_task(self._listen(), name="intake noise")

    @classmethod
    async def start(cls, adapter: Adapter, room: Path, limits: Limits) -> Self:
        """Start a worker in `room` and wait until it has loaded its plugin.

        Raises:
            Misconfigured: the plugin cannot be loaded, does not read the profile, or did not
                load in time.
            Unavailable: the machine cannot start a process now.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-B", "-m", "exchange.agency.worker"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                limit=job.ANSWER_LIMIT,
                cwd=job.folder_out(room),
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except OSError:
            raise Unavailable("the intake worker cannot be started") from None
        leash = cls(process, room, limits)
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(leash.kill)
            await leash._greet(adapter)
            undo.pop_all()
        return leash

    async def _greet(self, adapter: Adapter) -> None:
        first = job.Start(
            plugin=adapter.plugin,
            distribution=adapter.distribution,
            profile=adapter.profile,
            settings=adapter.settings,
            room=self.room,
            memory=self._limits.memory,
            descriptors=self._limits.descriptors,
        )
        try:
            async with asyncio.timeout(self._limits.start_s):
                await self._say(job.start_line(first))
                missing = job.read_walls(await self._hear())
                found = job.read_ready(await self._hear())
        except (EOFError, OSError, ValueError, Malformed, TooLarge):  # or out of time
            raise Misconfigured(f"plugin {adapter.plugin}: its worker did not start") from None
        if isinstance(found, str):
            raise Misconfigured(found)
        self.started = Started(found, missing)

    @property
    def alive(self) -> bool:
        """Whether the process still runs, as far as known."""
        return self._process.returncode is None

    async def ask(self, package: DocumentPackage, *, most: int) -> tuple[str, ...]:
        """Have one document converted and return the names the worker says it wrote.

        Args:
            package: its files lie in the room.
            most: largest size in bytes of a file that can be written.

        Raises:
            Quarantined: anything else happened. Only after `malformed` may the worker go on.
        """
        self.documents += 1
        self._noise = 0
        token = secrets.token_hex(16)
        try:
            async with asyncio.timeout(self._limits.wall_s):
                self._restrain(most)
                await self._say(job.request_line(token, package))
                answer = job.read_answer(await self._hear())
        except TimeoutError:
            raise Quarantined(Reason.TIMEOUT) from None
        except (EOFError, OSError):
            raise Quarantined(await self._why_silent()) from None
        except (ValueError, Malformed, TooLarge):
            raise Quarantined(Reason.PROTOCOL) from None
        if answer.token != token:
            raise Quarantined(Reason.PROTOCOL)
        if answer.outcome is not job.Outcome.CONVERTED:
            raise Quarantined(answer.outcome)
        return answer.names

    async def kill(self) -> None:
        """End the process and whatever it started; nothing of it is left when this returns."""
        self._kill()
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
        raise Unavailable("the intake worker was started without pipes")
    return stream


def _cpu_s(status: str) -> int:
    """Return the seconds of processor time in a line of /proc/<pid>/stat (proc(5)), rounded up."""
    fields = status.rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return -(-(user + system) // os.sysconf("SC_CLK_TCK"))
