"""A hub at its limits: the tail of its latency, what its workers wait for, who is never delayed."""

import asyncio
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import psycopg

from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.hub.storage import schema
from tests import postgres
from tests.bench.arrivals import Histogram, closed_loop, moments, open_loop
from tests.bench.crowd import Crowd
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.journey import travelling
from tests.bench.place import RECIPIENT
from tests.bench.processes import MIB, cpu_s
from tests.simulator import Given, Letter, office

CONSENTS = 48
ROUNDS = 3
CALLERS = 8
"""Who ask without a pause when the capacity is measured."""
PROBE_S, LOADED_S = 3.0, 12.0
SHARE = 0.7
LEAST = 400
"""Documents of a loaded round at least, so that the 99th percentile is more than one of them."""
WORKERS = 2
LOCKS_S, SAMPLE_S = 15.0, 0.02
DOWNLOADS, DOWNLOAD = 200, 16 * MIB
SIP, SIP_S = 16 * 1024, 0.5
"""A slow reader takes so many bytes, then pauses so long: the download outlasts the run."""
WITHDRAWALS, PAUSE_S = 30, 0.1
LASTS_S = 60.0
"""More than the withdrawals of one block take."""
READY_S = 120.0
MOST = 600
"""Disclosures a second that no hub on two cores reaches; one reached 200."""
AT_WORK = """
SELECT coalesce(wait_event_type, 'none: on a processor') FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'
"""


# The tail of the latency


def _tail(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_tail_in(Path(name), report))


async def _tail_in(folder: Path, report: Report) -> list[Figure]:
    place = Crowd(folder)
    given = await place.stocked(CONSENTS)
    ratios = []
    with place.served():
        for number in range(ROUNDS):
            capacity = await _capacity(place, given, CALLERS, PROBE_S)
            rate = SHARE * capacity
            took = await _loaded(place, given, rate)
            ratios.append(took.quantile(0.99) / took.quantile(0.5))
            report(
                f"round {number + 1}: capacity {capacity:.0f}/s; at {rate:.0f}/s median "
                f"{took.quantile(0.5) * 1e3:.1f} ms, p99 {took.quantile(0.99) * 1e3:.1f} ms"
            )
    return [
        Figure(
            name="disclosure_p99_over_median_at_70pct",
            value=statistics.median(ratios),
            bound=5.0,
            unit="p99 / median, Poisson arrivals at 70 % of the capacity of the same round",
            sense="at most",
        )
    ]


async def _loaded(place: Crowd, given: list[Given], rate: float) -> Histogram:
    """Return how long disclosures take that arrive by chance, so many a second."""
    due = list(moments(rate, max(LOADED_S, LEAST / rate), "poisson"))
    waiting = iter(list(place.letters(given, len(due))))
    async with travelling(place) as travels:

        async def one(intended: float) -> None:
            await travels.disclose(next(waiting), intended)

        await open_loop(iter(due), one)
    return travels.took["disclose"]


async def _capacity(place: Crowd, given: list[Given], callers: int, seconds: float) -> float:
    """Return how many disclosures a second the hub takes from so many callers."""
    waiting = iter(list(place.letters(given, int(MOST * seconds))))
    async with travelling(place) as travels:

        async def one() -> None:
            await travels.disclose(next(waiting), time.perf_counter())

        return await closed_loop(callers, seconds, one)


# What workers wait for


def _locks(report: Report) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as name,
        postgres.private_server() as server,
        server.database(server.template(schema.make)) as url,
    ):
        place = Crowd(Path(name), database_url=url, workers=WORKERS)
        given = asyncio.run(place.stocked(CONSENTS))
        with place.served() as hub, _sampled(server) as seen:
            before = hub.cpu_s(), cpu_s(server.pid), time.process_time()
            start = time.monotonic()
            capacity = asyncio.run(_capacity(place, given, 2 * CALLERS, LOCKS_S))
            wall = time.monotonic() - start
            after = hub.cpu_s(), cpu_s(server.pid), time.process_time()
    names = ("hub", "PostgreSQL", "client")
    spent = (
        f"{name} {(new - old) / wall / (os.cpu_count() or 1):.0%}"
        for name, old, new in zip(names, before, after, strict=True)
    )
    report(f"{capacity:.0f} disclosures/s; of all processors: {', '.join(spent)}")
    report(f"backends at work: {dict(seen)}")
    locked = sum(count for kind, count in seen.items() if kind in {"Lock", "LWLock"})
    return [
        Figure(
            name="lock_wait_share",
            value=locked / seen.total(),
            bound=0.05,
            unit=f"of the time of backends at work, {WORKERS} workers at capacity",
            sense="at most",
        )
    ]


@contextmanager
def _sampled(server: postgres.Server) -> Iterator[Counter[str]]:
    """Count what backends that have something to do wait for, while the block runs."""
    seen: Counter[str] = Counter()
    over = threading.Event()

    def sample() -> None:
        dsn = server.url.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not over.wait(SAMPLE_S):
                seen.update(kind for (kind,) in connection.execute(AT_WORK))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


# Who is never delayed


def _withdrawals(report: Report) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as name,
        postgres.private_server(durable=True) as server,
        server.database(server.template(schema.make)) as url,
    ):
        place = Crowd(Path(name), database_url=url, workers=WORKERS)
        given = asyncio.run(place.stocked(CONSENTS + 3 * WITHDRAWALS))
        shared, own = given[:CONSENTS], iter(given[CONSENTS:])
        large = _large(place, shared[0])
        small = list(place.letters(shared, int(MOST * LASTS_S)))
        with place.served():
            before = asyncio.run(_withdrawn(place, own))
            with _noise(place, large, small):
                loaded = asyncio.run(_withdrawn(place, own))
            after = asyncio.run(_withdrawn(place, own))
    idle = statistics.median(before + after)
    report(
        f"withdrawal idle {idle * 1e3:.1f} ms, under load median "
        f"{statistics.median(loaded) * 1e3:.1f} ms, slowest {max(loaded) * 1e3:.1f} ms"
    )
    return [
        Figure(
            name="withdraw_under_load",
            value=statistics.median(loaded) / idle,
            bound=3.0,
            unit=f"latency, {DOWNLOADS} downloads and uploads at capacity / idle",
            sense="at most",
        )
    ]


def _large(place: Crowd, given: Given) -> Letter:
    encryptor = Encryptor([HybridRecipient(office(RECIPIENT).key.recipient)])
    sealed = encryptor.update(bytes(DOWNLOAD)) + encryptor.finalize()
    return place.letter(given.digest, sealed=sealed)


async def _withdrawn(place: Crowd, own: Iterator[Given]) -> list[float]:
    """Withdraw so many consents, one after the other, and return how long each took."""
    found = []
    async with travelling(place) as travels:
        for _ in range(WITHDRAWALS):
            given = next(own)
            statement = place.withdrawal(given)
            await asyncio.sleep(PAUSE_S)
            start = time.perf_counter()
            await travels.withdraw(given, statement, start)
            found.append(time.perf_counter() - start)
    return found


@contextmanager
def _noise(place: Crowd, large: Letter, small: Sequence[Letter]) -> Iterator[None]:
    """Keep downloads and uploads going from another process while the block runs."""
    # Forked: it has the letters without sending them, and this process runs no loop just now.
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(
        target=lambda: asyncio.run(_make_noise(place, large, small, ready)), daemon=True
    )
    process.start()
    try:
        if not ready.wait(READY_S):
            raise RuntimeError("the downloads did not begin")
        yield
        if not process.is_alive():
            raise RuntimeError("the load ended before the withdrawals did")
    finally:
        process.terminate()
        process.join()


async def _make_noise(place: Crowd, large: Letter, small: Sequence[Letter], ready: Event) -> None:
    waiting = iter(small)
    async with travelling(place) as travels, asyncio.TaskGroup() as group:
        await travels.disclose(large, time.perf_counter())
        running = asyncio.Semaphore(0)
        for _ in range(DOWNLOADS):
            group.create_task(travels.sip(large, SIP, SIP_S, running))
        for _ in range(DOWNLOADS):
            await running.acquire()
        ready.set()

        async def one() -> None:
            if not await travels.offer(next(waiting)):
                await asyncio.sleep(PAUSE_S)  # at capacity a hub sheds what it cannot take

        await closed_loop(2 * CALLERS, LASTS_S, one)


TAIL = Benchmark(names=("disclosure_p99_over_median_at_70pct",), run=_tail)
LOCKS = Benchmark(names=("lock_wait_share",), run=_locks)
WITHDRAW = Benchmark(names=("withdraw_under_load",), run=_withdrawals)
