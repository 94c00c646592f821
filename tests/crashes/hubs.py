"""Real hub processes that die, or whose disk fails, where a test says so.

The program is `exchange hub serve` and nothing of it is changed but the clock. It is started by
forking a process that has imported it already, so that a hundred starts take seconds. Between it
and its files stands `shim.c`.
"""

import asyncio
import ctypes
import json
import mmap
import os
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHIM = Path(__file__).with_name("shim.c")
READY_S = 60.0
"""Seconds a loaded machine may need to start a hub."""


class Mode(IntEnum):
    """What happens at the chosen call; the same order as in shim.c."""

    OFF = 0
    COUNT = 1
    KILL_BEFORE = 2
    TEAR = 3
    KILL_AFTER = 4
    FAIL_ONE = 5
    FAIL_WRITES = 6


def compiled(folder: Path) -> Path:
    """Return the shim as a library."""
    library = folder / "shim.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIM), "-ldl"]
    subprocess.run(command, check=True)
    return library


class Faults:
    """The control file of one hub's shim."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(bytes(4096))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 4096)

    def arm(self, mode: Mode, at: int = 0, error: int = 0) -> None:
        """Count from now on; the mode is set last, so that nothing is counted half armed."""
        self._shared[4:16] = struct.pack("=iii", at, 0, error)
        self._shared[0:4] = struct.pack("=i", mode)

    def disarm(self) -> None:
        self._shared[0:4] = struct.pack("=i", Mode.OFF)

    @property
    def seen(self) -> int:
        """How many durable calls were counted since the last `arm`."""
        found: int = struct.unpack("=i", self._shared[8:12])[0]
        return found

    def torn(self, points: int) -> list[int]:
        """Return which of the counted calls were writes."""
        return [n for n in range(1, points + 1) if self._shared[16 + n]]


class Hubs:
    """Starts hubs, and tells how they ended."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def _ask(self, **command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:  # one question, one answer
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            line = await self._process.stdout.readline()
        assert line, "the process that forks hubs has died"
        return json.loads(line)

    async def start(
        self,
        home: Path,
        *,
        faults: Faults,
        clock: datetime | None,
        watched: Path | None = None,
        dying: bool = False,
        resting: bool = False,
    ) -> int:
        """Return the process id of a hub that is ready.

        Args:
            home: its directory.
            faults: what may happen to its files.
            clock: its present moment, for ever; the real one if not given.
            watched: directory whose files the faults concern, if not all of `home`.
            dying: whether one of its background loops dies when the file `die` appears.
            resting: whether the log rests once what waited at the start is signed: whatever
                touches a file later is a request.
        """
        said = home.with_name("said")
        pid: int = await self._ask(
            home=str(home),
            said=str(said),
            control=str(faults.file),
            watched=str(watched or home),
            dying=dying,
            resting=resting,
            clock=None if clock is None else clock.isoformat(),
        )
        for turn in range(int(READY_S / 0.01)):
            if said.exists() and b"serving" in said.read_bytes():
                return pid
            if turn % 50 == 49 and await self._ask(wait=pid) is not None:
                break  # it has ended and never will
            await asyncio.sleep(0.01)
        raise AssertionError(said.read_text())

    async def ended(self, pid: int, *, within_s: float = READY_S) -> int | None:
        """Return the exit code, below 0 for a signal; None if it still runs after so long."""
        for _ in range(int(within_s / 0.01) + 1):
            code: int | None = await self._ask(wait=pid)
            if code is not None:
                return code
            await asyncio.sleep(0.01)
        return None


@asynccontextmanager
async def forking(library: Path | None) -> AsyncIterator[Hubs]:
    """Run the process that hubs are forked from; no hub outlives the block."""
    preload = {} if library is None else {"LD_PRELOAD": str(library)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crashes.hubs",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **preload},
    )
    try:
        yield Hubs(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def _fork(command: dict[str, Any]) -> int:
    said = Path(command["said"])
    said.unlink(missing_ok=True)
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with said.open("wb") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = _serve(command)
        sys.stdout.flush()
    finally:
        os._exit(code)


def _serve(command: dict[str, Any]) -> int:
    from exchange.cli.main import main
    from exchange.hub import app, serve

    shim = ctypes.CDLL(None)
    if hasattr(shim, "shim_attach"):  # preloaded
        shim.shim_attach(command["control"].encode(), command["watched"].encode())
    if command["clock"] is not None:
        moment = datetime.fromisoformat(command["clock"])
        app.now = lambda: moment
    if command["dying"]:
        serve.loops = _with_a_dying_one(serve.loops, Path(command["home"]) / "die")
    if command["resting"]:
        serve.loops = _with_a_resting_log(serve.loops)
    return main(["hub", "serve", "--home", command["home"]])


def _with_a_dying_one(loops: Any, sign: Path) -> Any:
    async def dying(_stop: asyncio.Event) -> None:
        while not sign.exists():  # noqa: ASYNC110 - another process makes the file
            await asyncio.sleep(0.01)
        raise RuntimeError

    return lambda *given, **named: {**loops(*given, **named), "dying": dying}


def _with_a_resting_log(loops: Any) -> Any:
    from exchange.hub import resume, sequence

    def resting(found: Any, settings: Any, stop: asyncio.Event, **named: Any) -> Any:
        given = loops(found, settings, stop, **named)
        rests = asyncio.Event()

        async def once(ending: asyncio.Event) -> None:
            comparing = asyncio.create_task(resume.resume(found.hub, accepted=False))
            await asyncio.wait({comparing}, timeout=0.01)
            while await sequence.sequence(found.hub, settings.log) or not comparing.done():
                await asyncio.wait({comparing}, timeout=0.01)
            await comparing
            while await sequence.sequence(found.hub, settings.log):
                continue
            rests.set()
            await ending.wait()

        async def later(ending: asyncio.Event) -> None:
            await rests.wait()
            await given["sweep"](ending)

        return {"relay": given["relay"], "sequence": once, "sweep": later}

    return resting


def _answer(command: dict[str, Any], children: set[int]) -> int | None:
    if "wait" in command:
        ended, status = os.waitpid(command["wait"], os.WNOHANG)
        children.discard(ended)
        return os.waitstatus_to_exitcode(status) if ended else None
    child = _fork(command)
    children.add(child)
    return child


def main() -> None:
    """Answer commands, one line of JSON each, until the input ends."""
    import exchange.cli.events
    import exchange.cli.hub
    import exchange.cli.main
    import exchange.hub.serve

    assert exchange.hub.serve is not None
    children: set[int] = set()
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line), children)), flush=True)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
