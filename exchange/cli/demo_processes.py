"""The processes of the demo: started here, logged into files, and ended here, whatever happens.

What runs all the time is started as a user would start it. Commands that come and go run in
processes of their own as well, but forked from one that has loaded the program already: loading it
two dozen times would take longer than everything it does here.
"""

import itertools
import multiprocessing
import os
import runpy
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from exchange.cli.demo_report import Failed, must

PATIENCE_S = 60.0
"""Seconds something may take to happen before the demo gives up."""
FIRST_PORT, PORTS = 10_000, 22_000
"""The ports among which the demo chooses."""
PAUSE_S = 0.02
"""Seconds between two looks."""
COMMAND_PAUSE_S = 0.005
"""Seconds between two looks whether a command has ended."""
PRELOADED = (
    *("exchange.cli.agreement", "exchange.cli.consent", "exchange.agency.hand_over"),
    *("exchange.agency.poll", "exchange.agency.plan", "exchange.hub.app", "rich.progress"),
)
"""Modules that the process has loaded from which commands are forked."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command has ended."""

    status: int
    shown: str
    complaint: str


@dataclass
class Processes:
    """What runs beside the demo; each writes its output to a file in `logs`."""

    logs: Path
    environment: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _forks: ForkServerContext = field(init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), init=False)

    def __post_init__(self) -> None:
        """Say what the process loads from which commands are forked."""
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload(list(PRELOADED))

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start `python ARGUMENTS` under `name`; no module comes from the present folder."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 -- our own program
                [sys.executable, "-P", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,  # Ctrl-C reaches the demo, and the demo ends the others
            )

    def exchange(self, name: str, *arguments: str) -> None:
        """Start `exchange ARGUMENTS` under `name`."""
        self.start(name, ["-m", "exchange.cli.main", *arguments])

    def run(self, *arguments: str, refused: bool = False) -> str:
        """Run `exchange ARGUMENTS` to its end and return what it printed.

        Args:
            arguments: of the command line.
            refused: it must fail; its one line of error is returned.
        """
        done = self.tried(*arguments)
        command = "exchange " + " ".join(arguments[:2])
        if refused:
            must(done.status, f"{command} was not refused")
            return done.complaint
        must(done.status == 0, f"{command}: {done.complaint.removeprefix('exchange: ')}")
        return done.shown

    def tried(self, *arguments: str) -> Done:
        """Run `exchange ARGUMENTS` to its end, which may be a refusal."""
        output = self.logs / f"command-{next(self._numbers):02d}"
        status = self._ended(
            self._forks.Process(target=_command, args=(arguments, output, self.environment))
        )
        return Done(
            status,
            output.with_suffix(".out").read_text(encoding="utf-8"),
            output.with_suffix(".err").read_text(encoding="utf-8").strip(),
        )

    def _ended(self, forked: ForkServerProcess) -> int:
        """Run a command to its end and return its exit code.

        One thread at a time starts or asks: starting also looks at the others' exit codes, and
        each can be read once only.
        """
        with self._turn:
            forked.start()
        ends = time.monotonic() + 4 * PATIENCE_S
        while time.monotonic() < ends:
            with self._turn:
                status = forked.exitcode
            if status is not None:
                return status
            time.sleep(COMMAND_PAUSE_S)
        forked.kill()
        raise Failed("a command did not end")

    def log(self, name: str) -> str:
        """Return what the process `name` has printed so far."""
        return (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def alive(self, name: str) -> bool:
        """Tell whether the process `name` still runs."""
        return self.running[name].poll() is None

    def stop(self, name: str) -> None:
        """Ask the process `name` to end, and wait until it has."""
        started = self.running.pop(name)
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        try:
            started.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
            raise Failed(f"{name} did not end when asked; see its log") from None

    def stop_all(self) -> None:
        """End everything, the last started first; nothing may be left behind."""
        for name in reversed(list(self.running)):
            started = self.running.pop(name)
            started.terminate()
            try:
                started.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def _command(arguments: Sequence[str], output: Path, environment: dict[str, str]) -> None:
    """Be the process `exchange ARGUMENTS`, with what it prints in files."""
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, suffix in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(output.with_suffix(suffix), os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    sys.argv = ["exchange", *arguments]
    # Loaded by the process forked from, when the demo was started by the script `exchange`; run
    # again it would be a warning before the command's own words.
    sys.modules.pop("exchange.cli.main", None)
    # As `python -m` would: this module is a part of that command and cannot import it.
    runpy.run_module("exchange.cli.main", run_name="__main__", alter_sys=True)


@contextmanager
def processes(logs: Path) -> Iterator[Processes]:
    """Yield the processes of one demo and end them all at its end."""
    # The settings of this machine must not reach into the demo.
    kept = {name: text for name, text in os.environ.items() if not name.startswith("EXCHANGE_")}
    everything = Processes(logs, {**kept, "PYTHONUNBUFFERED": "1"})
    try:
        yield everything
    finally:
        everything.stop_all()


def until(what: str) -> Iterator[None]:
    """Yield moments to look whether `what` has happened; the demo fails when they run out."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        yield
        time.sleep(PAUSE_S)
    raise Failed(f"gave up waiting until {what}")


def free_port() -> int:
    """Return a port of this machine that nobody listens on at the moment.

    Below those that the system gives to clients, so that it is still free when it is needed.
    """
    while True:
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
