"""Processes under measurement: CPU time, memory and life of a child, read from /proc."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Child:
    """A running process."""

    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def cpu_s(self) -> float:
        """Return user and system time so far, in seconds, of it and of its workers."""
        return cpu_s(self.pid)

    def written(self) -> int:
        """Return bytes handed to the disk so far, by it and by its workers."""
        return sum(_written(pid) for pid in _family(self.pid))

    def resident(self) -> int:
        """Return its resident memory in bytes."""
        return _status(self.pid, "VmRSS")

    def peak(self) -> int:
        """Return the largest resident memory since `forget_peak`, in bytes."""
        return _status(self.pid, "VmHWM")

    def forget_peak(self) -> None:
        """Start a new peak from the present memory (proc(5), clear_refs 5)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


def cpu_s(pid: int) -> float:
    """Return user and system time so far, in seconds, of a process and of those it has started."""
    return sum(_cpu_s(one) for one in _family(pid))


def _family(pid: int) -> Iterator[int]:
    """Yield a process and those it has started, and they in turn."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from _family(int(child))


def children() -> float:
    """Return CPU seconds of the intake workers of this process, those that have ended included."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    for pid in started_by(os.getpid()):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"exchange.agency.worker" in command:
            total += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return total


def started_by(pid: int) -> list[int]:
    """Return the processes that the first thread of a process has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in listed.split()]


def peak_of(pid: int) -> int:
    """Return the largest resident memory of a process so far, in bytes."""
    return _status(pid, "VmHWM")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _written(pid: int) -> int:
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise LookupError("write_bytes")


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


@contextmanager
def running(arguments: Sequence[str], *, ready: str, cwd: Path | None = None) -> Iterator[Child]:
    """Run `arguments` until it prints a line that starts with `ready`; end it by SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        bufsize=0,
    )
    assert process.stdout is not None
    try:
        while line := process.stdout.readline():
            if line.decode().startswith(ready):
                break
        else:
            raise RuntimeError(f"{arguments[0]} ended before it was ready: {process.wait()}")
        yield Child(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
