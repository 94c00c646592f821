"""The sequencer alone: how fast it drains what waits, and what a batch costs in a large log.

Draining is compared with a bare loop over the driver that deletes the same waiting rows and
inserts the same entry and tile rows in the same batch size: no hashing, no checks, no signature.
"""

import asyncio
import hashlib
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from operator import truediv
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
from sqlalchemy import Connection, make_url, text

from exchange.hub import listen
from exchange.hub.storage import schema, tree
from tests import postgres
from tests.bench.figures import Benchmark, Figure, Report
from tests.ledgers import Ledger, ledger

PENDING = 200_000
BATCH = 4096
ROUNDS = 3
FILLED = 5_000
"""Leaves added in one transaction beforehand."""
PER_TICK = 256
"""Leaves of one batch whose cost is compared."""
SMALL, LARGE = 1_000, 1_000_000
TICKS = 50

EVENT = (
    "INSERT INTO log_event (rid, kind, at, document, body) "
    "VALUES (:rid, 'key-statement/x', '2026-03-03 10:00:00.000000', :rid, :body)"
)
WAITING = "INSERT INTO log_pending (rid, leaf) VALUES (:rid, :leaf)"
Tiles: TypeAlias = Sequence[tuple[int, int, bytes]]
Bare: TypeAlias = Callable[[Ledger, Tiles], float]


def waiting_leaves(count: int) -> list[dict[str, Any]]:
    """Return the values of `EVENT` and `WAITING`: leaves, and a small event behind each."""
    return [
        {"rid": str(uuid4()), "leaf": b"\x01" + os.urandom(48), "body": b"{}"} for _ in range(count)
    ]


# Draining


def _drained(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        ratios = [_compared("SQLite", ledger(Path(name)), None, _bare_file, report)]
    try:
        with (
            tempfile.TemporaryDirectory() as name,
            postgres.private_server(durable=True) as server,
            server.database(server.template(schema.make)) as url,
        ):
            full = ledger(Path(name), database_url=url)
            ratios.append(_compared("PostgreSQL", full, server, _bare_server, report))
    except postgres.Absent as absent:
        report(str(absent))
    return [
        Figure(
            name="log_append_vs_raw_insert",
            value=min(ratios),
            bound=0.3,
            unit="leaves/s drained / bare loop of the same rows, the slower database",
            sense="at least",
        )
    ]


def _compared(
    kind: str, full: Ledger, server: postgres.Server | None, bare: Bare, report: Report
) -> float:
    """Return the median ratio of both, each round in copies of one database full of leaves."""
    asyncio.run(_fill_up(full))
    ratios = []
    for number in range(ROUNDS):
        with _copied(full, server) as one:
            took, tiles = asyncio.run(_drain(one))
        with _copied(full, server) as other:
            bare_s = bare(other, tiles)
        ratios.append(bare_s / took)
        report(
            f"round {number + 1}, {kind}: {PENDING / took:,.0f} leaves/s drained and signed, "
            f"bare loop {PENDING / bare_s:,.0f} leaves/s"
        )
    return statistics.median(ratios)


async def _fill_up(full: Ledger) -> None:
    async with full.open():
        await full.tick()
        for _ in range(PENDING // FILLED):
            await full.database.write_behind(_fill, FILLED)
        await full.database.erase_from_wal()


def _fill(conn: Connection, count: int) -> None:
    rows = waiting_leaves(count)
    conn.execute(text(EVENT), rows)
    conn.execute(text(WAITING), rows)


@contextmanager
def _copied(full: Ledger, server: postgres.Server | None) -> Iterator[Ledger]:
    """Yield a copy of a ledger that is closed, home and database; gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(full.settings.home, Path(name) / "hub")
        if server is None:
            yield ledger(Path(name), log={"batch": BATCH})
            return
        with server.database(make_url(_url(full)).database) as url:
            yield ledger(Path(name), log={"batch": BATCH}, database_url=url)


async def _drain(one: Ledger) -> tuple[float, Tiles]:
    """Return the seconds of draining and signing all that waits, and the tiles it made."""
    async with one.open():
        began = time.perf_counter()
        while await one.tick():
            continue
        took = time.perf_counter() - began
        assert one.size > PENDING
        return took, [tuple(row) for row in await one.rows("SELECT level, n, hashes FROM log_tile")]


def _bare_file(one: Ledger, tiles: Tiles) -> float:
    with closing(sqlite3.connect(one.settings.home / "hub.sqlite", isolation_level=None)) as bare:
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("DELETE FROM log_tile")
        (first,) = bare.execute("SELECT max(idx) + 1 FROM log_entry").fetchone()
        began = time.perf_counter()
        done = 0
        while rows := bare.execute(
            "SELECT id, rid, leaf FROM log_pending ORDER BY id LIMIT ?", (BATCH,)
        ).fetchall():
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("DELETE FROM log_pending WHERE id <= ?", (rows[-1][0],))
            bare.executemany(
                "INSERT INTO log_entry (idx, rid, leaf) VALUES (?, ?, ?)",
                [(at, rid, leaf) for at, (_, rid, leaf) in enumerate(rows, first + done)],
            )
            bare.executemany(
                "INSERT INTO log_tile VALUES (?, ?, ?)", _tiles_of(tiles, done, len(rows))
            )
            bare.execute("COMMIT")
            done += len(rows)
        return time.perf_counter() - began


def _bare_server(one: Ledger, tiles: Tiles) -> float:
    with psycopg.connect(listen.address(_url(one)), autocommit=True) as bare:
        bare.execute("DELETE FROM log_tile")
        (first,) = bare.execute("SELECT max(idx) + 1 FROM log_entry").fetchone() or (0,)
        began = time.perf_counter()
        done = 0
        while done < PENDING:
            with bare.transaction():
                rows = bare.execute(
                    "WITH gone AS (DELETE FROM log_pending WHERE id IN (SELECT id FROM log_pending "
                    "ORDER BY id LIMIT %s) RETURNING id, rid, leaf) "
                    "SELECT rid, leaf FROM gone ORDER BY id",
                    (BATCH,),
                    binary=True,
                ).fetchall()
                cursor = bare.cursor()
                with cursor.copy("COPY log_entry (idx, rid, leaf) FROM STDIN BINARY") as copy:
                    copy.set_types(["int8", "text", "bytea"])
                    for at, (rid, leaf) in enumerate(rows, first + done):
                        copy.write_row((at, rid, leaf))
                cursor.executemany(
                    "INSERT INTO log_tile VALUES (%s, %s, %s)", _tiles_of(tiles, done, len(rows))
                )
            done += len(rows)
        return time.perf_counter() - began


def _tiles_of(tiles: Tiles, done: int, count: int) -> list[tuple[int, int, bytes]]:
    """Return the rows of tiles that come with a batch; those above level 0 with the first."""
    upto = range(-(-done // 256), -(-(done + count) // 256))
    return [row for row in tiles if (row[0] == 0 and row[1] in upto) or (row[0] and not done)]


def _url(one: Ledger) -> str:
    assert one.settings.database_url is not None
    return one.settings.database_url.get_secret_value()


# Growing


def _grown(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        return [asyncio.run(_grown_in(Path(name), report))]


async def _grown_in(folder: Path, report: Report) -> Figure:
    ours = {size: ledger(folder, f"{size}", log={"batch": PER_TICK}) for size in (SMALL, LARGE)}
    costs: dict[int, list[float]] = {size: [] for size in ours}
    async with AsyncExitStack() as opened:
        for size, one in ours.items():
            await opened.enter_async_context(one.open())
            await one.tick()
            await _extend(one, size)
        for _ in range(TICKS):
            for size, one in ours.items():
                costs[size].append(await _batch_cost(one))
    for size, found in costs.items():
        cost = statistics.median(found) * 1e3
        report(f"{size:>9,} entries: {cost:.2f} ms CPU per batch of {PER_TICK} leaves")
    return Figure(
        name="log_batch_cost_growth",
        value=statistics.median(map(truediv, costs[LARGE], costs[SMALL])),
        bound=2.0,
        unit=f"CPU of a signed batch at {LARGE:,} entries / at {SMALL:,}",
        sense="at most",
    )


async def _batch_cost(one: Ledger) -> float:
    """Return the CPU seconds of one batch, signature included."""
    await one.database.write_behind(_fill, PER_TICK)
    began = time.process_time()
    moved = await one.tick()
    assert moved == PER_TICK
    return time.process_time() - began


async def _extend(one: Ledger, size: int) -> None:
    for first in range(0, size, 50_000):
        numbers = range(first, min(first + 50_000, size))
        leaves = [(b"\x01" + hashlib.sha384(b"%d" % at).digest(), None) for at in numbers]
        await one.database.write_behind(tree.extend, leaves)
    await one.tick()


DRAIN = Benchmark(names=("log_append_vs_raw_insert",), run=_drained)
GROWTH = Benchmark(names=("log_batch_cost_growth",), run=_grown)
