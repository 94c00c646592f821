"""The log under load: how late a signed head is, what it takes end to end, whom it disturbs.

Leaves are recorded when they are due (an open loop, `tests.bench.arrivals`), each transaction as a
request would, by replicas that run every loop of a served hub in processes of their own. A leaf's
latency counts from when it was due until its replica knows a signed head that covers it. How many
leaves it takes end to end is found by callers without a pause, until the last leaf is signed.
"""

import asyncio
import logging
import multiprocessing
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from operator import truediv
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, select

from exchange.cli import events
from exchange.errors import Unavailable
from exchange.hub import app
from exchange.hub.parts import Hub
from exchange.hub.serve import compared, looping, loops
from exchange.hub.settings import HubSettings
from exchange.hub.storage import schema
from exchange.hub.storage.log_tables import log_entry
from tests import postgres
from tests.bench.arrivals import closed_loop, moments, open_loop
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.hub import small_letters
from tests.bench.log_sequence import EVENT, WAITING, waiting_leaves
from tests.bench.place import SENDER, Place, disclose
from tests.ledgers import ledger, recorded

SIGNED_S = 60.0
"""Seconds after the last leaf in which all are signed, even where the load was too much."""
CALLERS = 64
"""Who record leaves without a pause in one replica when the most is asked for."""
AGAIN_S = 0.05
"""Seconds until a transaction is tried again that the database had no room for."""
WARM_UP, PER_BLOCK, ROUNDS = 60, 60, 15
FED_EVERY_S, FED = 0.1, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How leaves arrive."""

    rate: float | None
    """Leaves a second, of all replicas together; None: as many as callers get in who never rest."""
    seconds: float
    replicas: int
    """Processes that record leaves, and sequence and sign."""
    together: int = 1
    """Leaves of one transaction."""

    def __str__(self) -> str:
        offered = f"{CALLERS} callers each" if self.rate is None else f"{self.rate:,.0f} leaves/s"
        return (
            f"{self.replicas} process(es), {offered}, {self.together} leaves per transaction, "
            f"{self.seconds:.0f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What became of the leaves of one replica."""

    began: float
    """Seconds of the machine's monotonic clock."""
    ended: float
    """When the last leaf was signed."""
    took: Sequence[float]
    """Seconds from when a leaf was due to a signed head, one per leaf."""


RATE, OFFERED = 500, 3
"""Leaves a second, offered in so many rounds: one stall of a disk is not the log's."""
STEADY = {
    "SQLite": Shape(rate=RATE, seconds=10, replicas=1),
    "PostgreSQL": Shape(rate=RATE, seconds=10, replicas=2),
}
FULL = {
    "SQLite": Shape(rate=None, seconds=30, replicas=1),
    "PostgreSQL": Shape(rate=None, seconds=30, replicas=2, together=4),
}


# How late a head is, and how many leaves get one


def _late(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        settings = ledger(Path(name)).settings
        p99 = [_measured("SQLite", settings, report)]
    try:
        with (
            tempfile.TemporaryDirectory() as name,
            postgres.private_server(durable=True) as server,
            server.database(server.template(schema.make)) as url,
        ):
            settings = ledger(Path(name), database_url=url).settings
            p99.append(_measured("PostgreSQL", settings, report))
    except postgres.Absent as absent:
        report(str(absent))
    return [
        Figure(
            name="log_checkpoint_p99_ticks",
            value=max(p99) / (settings.log.tick_ms / 1000),
            bound=5.0,
            unit=f"ticks from a leaf to a signed head, p99 at {RATE} leaves/s",
            sense="at most",
        )
    ]


def _measured(kind: str, settings: HubSettings, report: Report) -> float:
    """Return the p99 of the steady load in seconds, and tell what the full one reaches as well."""
    app.make_home(settings.home)
    p99 = [_offered(settings, kind, STEADY[kind], report) for _ in range(OFFERED)]
    _offered(settings, kind, FULL[kind], report)
    return statistics.median(p99)


def _offered(settings: HubSettings, kind: str, shape: Shape, report: Report) -> float:
    """Run the replicas once, tell what they have seen, and return the p99 in seconds."""
    own = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(shape.replicas, mp_context=own) as replicas:
        begun = [replicas.submit(_replica, settings, shape) for _ in range(shape.replicas)]
        found = [one.result() for one in begun]
    took = sorted(one for replica in found for one in replica.took)
    spent = max(one.ended for one in found) - min(one.began for one in found)
    p99 = took[int(0.99 * len(took))]
    report(
        f"{kind}, {shape}: {len(took) / spent:,.0f} leaves/s signed, "
        f"median {statistics.median(took) * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms"
    )
    return p99


def _replica(settings: HubSettings, shape: Shape) -> Signed:
    events.configure(sys.stderr, level=logging.ERROR)
    return asyncio.run(_replicate(settings, shape))


async def _replicate(settings: HubSettings, shape: Shape) -> Signed:
    stop = asyncio.Event()
    async with (
        app.opened(settings, clock=app.now, on_failure=stop.set) as found,
        looping(stop, loops(found, settings, stop)),
        compared(found.hub),
    ):
        began = time.perf_counter()
        due: dict[str, float] = {}
        signed: dict[str, float] = {}
        watching = asyncio.create_task(_watch(found.hub, signed))

        async def one(intended: float) -> None:
            for rid in await _recorded(found.hub, shape.together):
                due[rid] = intended

        if shape.rate is None:
            await closed_loop(CALLERS, shape.seconds, lambda: one(time.perf_counter()))
        else:
            each = shape.rate / shape.replicas / shape.together
            await open_loop(moments(each, shape.seconds, "even"), one)
        async with asyncio.timeout(SIGNED_S):
            while not due.keys() <= signed.keys():
                await found.hub.heads.grown(seconds=settings.log.tick_ms / 1000)
        watching.cancel()
        stop.set()
        found.hub.heads.end()
    took = [signed[rid] - intended for rid, intended in due.items()]
    return Signed(began=began, ended=max(signed[rid] for rid in due), took=took)


async def _recorded(hub: Hub, count: int) -> list[str]:
    """Record documents in one transaction; asked again, as a client would, where it is refused."""
    mark = str(uuid4())
    while True:
        try:
            return await hub.db.write(recorded, count, mark, hub.clock())
        except Unavailable:
            await asyncio.sleep(AGAIN_S)


async def _watch(hub: Hub, signed: dict[str, float]) -> None:
    """Note when this replica first knew a signed head over each entry."""
    size = 0
    while True:
        newest = 0 if hub.heads.newest is None else hub.heads.newest.size
        if newest == size:
            await hub.heads.grown(seconds=None)
            continue
        now = time.perf_counter()
        for rid in await hub.db.read(_names, size, newest):
            signed[rid] = now
        size = newest


def _names(conn: Connection, first: int, end: int) -> Sequence[str]:
    within = log_entry.c.idx >= first, log_entry.c.idx < end
    return conn.execute(select(log_entry.c.rid).where(*within)).scalars().all()


# Whom it disturbs


def _disturbed(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        return [asyncio.run(_disturbed_in(Path(name), report))]


async def _disturbed_in(folder: Path, report: Report) -> Figure:
    place = Place(folder)
    consent = await place.prepared()
    letters = small_letters(place, consent, WARM_UP + ROUNDS * 2 * PER_BLOCK)
    file = place.home / "hub.sqlite"
    without, loaded = [], []
    with place.served(), _fed(file) as feeding:
        async with place.session(SENDER) as session:

            async def block(count: int = PER_BLOCK) -> float:
                took = []
                for _ in range(count):
                    began = time.perf_counter()
                    await disclose(session, letters.pop())
                    took.append(time.perf_counter() - began)
                return statistics.median(took)

            await block(WARM_UP)
            rates = []
            for _ in range(ROUNDS):
                without.append(await block())
                feeding.set()
                before, began = _size(file), time.perf_counter()
                loaded.append(await block())
                rates.append((_size(file) - before) / (time.perf_counter() - began))
                feeding.clear()
    report(
        f"median {statistics.median(without) * 1e3:.2f} ms, while {statistics.median(rates):,.0f} "
        f"leaves/s are signed {statistics.median(loaded) * 1e3:.2f} ms"
    )
    return Figure(
        name="disclosure_under_log_load",
        value=statistics.median(map(truediv, loaded, without)),
        bound=1.2,
        unit=f"median latency while the log takes {FED / FED_EVERY_S:,.0f} leaves/s / without",
        sense="at most",
    )


@contextmanager
def _fed(file: Path) -> Iterator[Event]:
    """Yield what lets another process add leaves while it is set, as if requests left them."""
    context = multiprocessing.get_context("spawn")
    feeding, over = context.Event(), context.Event()
    process = context.Process(target=_feed, args=(file, feeding, over), daemon=True)
    process.start()
    try:
        yield feeding
        if not process.is_alive():
            raise RuntimeError("nothing fed the log any more")
    finally:
        over.set()
        feeding.set()
        process.join()


def _feed(file: Path, feeding: Event, over: Event) -> None:
    with closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as feeder:
        # Requests of the hub would share a commit and its sync. A second writer that synced by
        # itself would hold the lock meanwhile, which is what no hub has beside it.
        feeder.execute("PRAGMA synchronous=OFF")
        feeder.execute("PRAGMA wal_autocheckpoint=0")
        due = 0.0
        while feeding.wait() and not over.is_set():
            due = max(due, time.monotonic() - FED_EVERY_S)  # no more is made up for
            rows = waiting_leaves(FED)
            feeder.execute("BEGIN IMMEDIATE")
            feeder.executemany(EVENT, rows)
            feeder.executemany(WAITING, rows)
            feeder.execute("COMMIT")
            due += FED_EVERY_S
            time.sleep(max(0.0, due - time.monotonic()))


def _size(file: Path) -> int:
    """Return how many entries the log has that are signed."""
    with closing(sqlite3.connect(file, timeout=10)) as reading:
        found: int = reading.execute("SELECT max(size) FROM log_checkpoint").fetchone()[0]
        return found


LATENESS = Benchmark(names=("log_checkpoint_p99_ticks",), run=_late)
DISTURBED = Benchmark(names=("disclosure_under_log_load",), run=_disturbed)
