"""Sequencers killed at any moment: nothing acknowledged is lost or doubled, and the log is one.

Longer with EXCHANGE_CRASH_SECONDS in the environment.
"""

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from exchange.hub import app
from exchange.hub.storage import schema
from exchange.hub.storage.checkpoints import newest
from tests import postgres
from tests.crashes import sequencing
from tests.ledgers import Ledger, ledger

SECONDS = float(os.environ.get("EXCHANGE_CRASH_SECONDS", "6"))
ENOUGH = 100
"""Receipts that are acknowledged at least, however slow the machine is."""
PATIENCE_S = 200 + 4 * SECONDS
LIFE_S = (0.05, 0.8)
"""Seconds a process lives once it works, from and to."""


class Crew:
    """Processes that are killed and started again."""

    def __init__(self, one: Ledger, url: str | None, acknowledged: Path) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.crashes.sequencing"])
        self._given = (str(one.settings.home), url, str(acknowledged))
        self.killed = 0

    def start(self) -> ForkServerProcess:
        process = self._context.Process(target=sequencing.work, args=self._given, daemon=True)
        process.start()
        return process

    def kill(self, process: ForkServerProcess) -> None:
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            self.killed += 1
        process.join()


@pytest.fixture
def log_server() -> Iterator[postgres.PrivateServer]:
    """Return a server that the test stops as it likes."""
    try:
        with postgres.private_server() as server:
            yield server
    except postgres.Absent as error:
        pytest.skip(str(error))


@pytest.fixture
def acknowledged(tmp_path: Path) -> Path:
    return tmp_path / "acknowledged"


def promised(file: Path) -> list[str]:
    """Return the names of all receipts that were acknowledged."""
    return file.read_text().split() if file.exists() else []


async def judge(one: Ledger, file: Path, killed: int) -> None:
    """Let one hub finish what is there; then every promise must be kept exactly once."""
    one.now = one.now.replace(year=2100)  # after every signature
    async with one.open():
        assert one.hub.heads.stopped is None
        while await one.tick():
            continue
        leaves = await one.whole()  # no gap, rows equal a recomputation, every head on one line
        named = [row.rid for row in await one.rows("SELECT rid FROM log_entry")]
        assert await one.rows("SELECT 1 FROM log_pending") == []
        assert len(named) == len(set(named)) == len(leaves)
        acknowledged = promised(file)
        assert len(acknowledged) >= ENOUGH
        assert set(acknowledged) <= set(named)
        head = await one.hub.db.read(newest)
        assert head is not None
        assert head.size == len(leaves)
    assert killed >= 3


async def test_a_sequencer_on_sqlite_killed_again_and_again(
    tmp_path: Path, acknowledged: Path
) -> None:
    one = ledger(tmp_path)
    app.make_home(one.settings.home)
    crew = Crew(one, None, acknowledged)
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at or crew.killed < 3 or len(promised(acknowledged)) < ENOUGH:
        await asyncio.to_thread(live, crew, acknowledged)
    await judge(one, acknowledged, crew.killed)


def live(crew: Crew, acknowledged: Path) -> None:
    """Start a process, let it work for a moment, and kill it."""
    process, before = crew.start(), size(acknowledged)
    works(acknowledged, before, process)
    time.sleep(random.uniform(*LIFE_S))  # noqa: S311 - the moment of a crash
    crew.kill(process)


def works(acknowledged: Path, before: int, process: ForkServerProcess) -> None:
    """Wait until more was acknowledged than before, or the process has ended, for half a minute."""
    began = time.monotonic()
    while size(acknowledged) == before and process.is_alive() and time.monotonic() < began + 30:
        time.sleep(0.005)


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def test_three_replicas_on_postgresql_killed_and_their_database_stopped(
    tmp_path: Path, acknowledged: Path, log_server: postgres.PrivateServer
) -> None:
    with log_server.database(log_server.template(schema.make)) as url:
        one = ledger(tmp_path, database_url=url, postgres={"wait_s": 30})
        app.make_home(one.settings.home)
        crew = Crew(one, url, acknowledged)
        killed = await asyncio.to_thread(trouble, crew, acknowledged, log_server)
        await judge(one, acknowledged, killed)


def trouble(crew: Crew, acknowledged: Path, server: postgres.PrivateServer) -> int:
    """Keep three processes at work, kill one after the other, and twice stop the database."""
    crowd = [crew.start() for _ in range(3)]
    stops = [SECONDS / 3, 2 * SECONDS / 3]
    began, before = time.monotonic(), 0
    while (
        (since := time.monotonic() - began) < SECONDS
        or crew.killed < 3
        or stops
        or len(promised(acknowledged)) < ENOUGH
    ):
        assert since < PATIENCE_S
        works(acknowledged, before, crowd[0])
        time.sleep(random.uniform(*LIFE_S))  # noqa: S311 - the moment of a crash
        if stops and since > stops[0] and size(acknowledged):
            stops.pop(0)
            server.stop(signal.SIGQUIT)  # at once, as if its machine had died
            server.start()
        victim = crowd.pop(0)
        crew.kill(victim)
        before = size(acknowledged)
        crowd.append(crew.start())
    for process in crowd:
        crew.kill(process)
    return crew.killed
