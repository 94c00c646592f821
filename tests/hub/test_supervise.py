"""Several processes that start one after the first, and stop together."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SUPERVISOR = """
import sys
from exchange.hub.supervise import supervise

program = sys.argv[1]
code = supervise(
    lambda index: [sys.executable, "-c", program, str(index)],
    3,
    lambda: print("ready", flush=True),
)
sys.exit(code)
"""
GOOD = """
import os, signal, sys
print(os.getpid(), file=sys.stderr, flush=True)
print(os.getpid(), flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
sys.stdin.read()
sys.exit(0)
"""
"""Serves until it is asked to stop, or until whoever started it is gone."""
LIMIT_S = 60


@contextmanager
def supervised(program: str, told: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run three processes of `program`; what they say of themselves is in the file `told`."""
    with (
        told.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, program], stdout=subprocess.PIPE, stderr=errors
        ) as running,
    ):
        try:
            yield running
        finally:
            running.kill()


def said(told: Path) -> list[int]:
    return [int(line) for line in told.read_bytes().split()]


def ready(running: subprocess.Popen[bytes]) -> bytes:
    assert running.stdout is not None
    return running.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_are_ready_once_and_stop_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    with supervised(GOOD, tmp_path / "told") as running:
        assert ready(running) == b"ready\n"
        assert len(set(said(tmp_path / "told"))) == 3
        running.send_signal(number)
        assert running.wait(LIMIT_S) == 0
        assert ready(running) == b""


def test_when_one_is_killed_all_stop_and_its_signal_is_the_exit_code(tmp_path: Path) -> None:
    with supervised(GOOD, tmp_path / "told") as running:
        assert ready(running) == b"ready\n"
        os.kill(said(tmp_path / "told")[1], signal.SIGKILL)
        assert running.wait(LIMIT_S) == signal.SIGKILL


def test_a_first_one_that_cannot_start_is_the_only_one_that_complains(tmp_path: Path) -> None:
    with supervised("import sys; sys.exit('4711')", tmp_path / "told") as running:
        assert running.wait(LIMIT_S) == 1
        assert said(tmp_path / "told") == [4711]
        assert ready(running) == b""


def test_one_that_was_stopped_before_it_began_has_ended_well(tmp_path: Path) -> None:
    slow = f"import sys, time\nif sys.argv[1] != '0': time.sleep(60)\n{GOOD}"
    with supervised(slow, tmp_path / "told") as running:
        while not said(tmp_path / "told"):
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        assert running.wait(LIMIT_S) == 0


def test_those_whose_supervisor_was_killed_stop_by_themselves(tmp_path: Path) -> None:
    with supervised(GOOD, tmp_path / "told") as running:
        assert ready(running) == b"ready\n"
        running.kill()
        running.wait(LIMIT_S)
        for pid in said(tmp_path / "told"):
            descriptor = _watched(pid)
            assert descriptor is None or _ends(descriptor)


def _watched(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _ends(descriptor: int) -> bool:
    ended, _, _ = select.select([descriptor], [], [], LIMIT_S)
    os.close(descriptor)
    return bool(ended)
