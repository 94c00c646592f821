"""What grows with the number of records: the same work in a small database and in a large one.

Compared is processor time per step, all threads, in turns within one run. A hundredth of the rows
belongs to the two agencies that are asked about, so that they are large where the state is large.

    python -m tests.bench.growth --consents 1000000 --disclosures 3000000
"""

import argparse
import asyncio
import json
import logging
import re
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from exchange.cli import events
from exchange.hub import app
from exchange.hub.parts import Hub
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.filling import Size, fill
from tests.bench.place import Place
from tests.bench.processes import MIB
from tests.bench.work import GATE, REST, ROUNDS, Prepared, Work, prepare
from tests.simulator import statements

SMALL = Size(agencies=60, consents=10_000, disclosures=10_000)
LARGE = Size(agencies=10_000, consents=1_000_000, disclosures=300_000)
"""What `make bench` fills in, in a few minutes; other sizes by the options of this module."""
BOUND = 1.5
LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+\b|x'[0-9a-f]*'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One kind of work in both databases."""

    name: str
    small_s: float
    """Processor seconds per step, median over the rounds."""
    large_s: float
    ratio: float
    """Median of the rounds' ratios."""

    def line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(
            {
                "name": self.name,
                "small_us": round(self.small_s * 1e6),
                "large_us": round(self.large_s * 1e6),
                "ratio": round(self.ratio, 2),
            }
        )


def _growth(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(measured(Path(name), (SMALL, LARGE), GATE, report))
    return [
        Figure(
            name=f"growth_{one.name}",
            value=one.ratio,
            bound=BOUND,
            unit=f"CPU per step, {LARGE.consents:,} / {SMALL.consents:,} consents",
            sense="at most",
        )
        for one in found
    ]


async def measured(
    folder: Path,
    sizes: tuple[Size, Size],
    works: Mapping[str, Work],
    report: Report,
    *,
    asked: dict[str, set[str]] | None = None,
) -> list[Compared]:
    """Fill two databases in `folder` and compare what the same work costs in each.

    Args:
        folder: made if it is missing.
        sizes: the small one and the large one.
        works: by the name of the figure.
        report: hears of progress and of each comparison.
        asked: takes the statements of each work, as the first round has run them.
    """
    few, many = Place(folder / "few"), Place(folder / "many")
    few.home.parent.mkdir(parents=True)
    prepared = await prepare(few)
    shutil.copytree(few.home, many.home)
    for place, size in zip((few, many), sizes, strict=True):
        fill(place, size, report)
    async with AsyncExitStack() as stack:
        hubs = [
            (await stack.enter_async_context(_opened(place, prepared))).hub for place in (few, many)
        ]
        rounds: dict[str, list[tuple[float, ...]]] = {name: [] for name in works}
        for number in range(ROUNDS):
            for name, work in works.items():
                with statements(folder) if number == 0 else nullcontext(list[str]()) as seen:
                    spent = [await _spent(work, hub, prepared, number) for hub in hubs]
                rounds[name].append(tuple(spent))
                if asked is not None:
                    asked.setdefault(name, set()).update(seen)
    found = [_compared(name, pairs[1:]) for name, pairs in rounds.items()]
    for one in found:
        report(one.line())
    return found


def _opened(place: Place, prepared: Prepared) -> AbstractAsyncContextManager[app.Opened]:
    return app.opened(place.settings, clock=lambda: prepared.now, on_failure=lambda: None)


async def _spent(work: Work, hub: Hub, prepared: Prepared, number: int) -> float:
    """Return processor seconds per step."""
    start = time.process_time()
    steps = await work(hub, prepared, number)
    return (time.process_time() - start) / steps


def _compared(name: str, pairs: Iterable[tuple[float, ...]]) -> Compared:
    pairs = list(pairs)
    return Compared(
        name=name,
        small_s=statistics.median(cheap for cheap, _ in pairs),
        large_s=statistics.median(dear for _, dear in pairs),
        ratio=statistics.median(dear / cheap for cheap, dear in pairs),
    )


# By hand


async def survey(folder: Path, sizes: tuple[Size, Size], report: Report) -> None:
    """Compare every kind of work, then say what lies in the large database and how it is asked."""
    asked: dict[str, set[str]] = {}
    await measured(folder, sizes, {**GATE, **REST}, report, asked=asked)
    with closing(sqlite3.connect(folder / "many" / "hub" / "hub.sqlite")) as connection:
        for line in _bytes(connection):
            report(line)
        for name, seen in asked.items():
            for line in _plans(connection, name, seen):
                report(line)


def _bytes(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield the size of every table and index, the largest first."""
    rows = connection.execute(
        "SELECT s.name, s.pgsize, s.payload, s.ncell, m.tbl_name FROM dbstat s "
        "LEFT JOIN sqlite_schema m ON m.name = s.name "
        "WHERE s.aggregate = TRUE ORDER BY s.pgsize DESC"
    )
    for name, size, payload, cells, table in rows:
        found = {"name": name, "table": table, "mib": round(size / MIB, 1), "cells": cells}
        yield json.dumps({**found, "filled": round(payload / size, 2)})


def _plans(connection: sqlite3.Connection, name: str, seen: set[str]) -> Iterator[str]:
    """Yield how each kind of statement is answered, where it is more than a look-up by a key."""
    kinds = {LITERAL.sub("?", one): one for one in seen}
    for kind, statement in sorted(kinds.items()):
        if not kind.startswith(("SELECT", "UPDATE", "DELETE")) or "chain_key" in kind:
            continue  # frames of transactions, plain inserts, the vault's own file
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        yield json.dumps({"work": name, "plan": plan, "statement": kind})


def main() -> None:
    """Run the survey at the size that the options name; JSON lines on standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.growth",
        description=__doc__.partition("\n")[0] if __doc__ else "",
    )
    parser.add_argument("--agencies", type=int, default=LARGE.agencies)
    parser.add_argument("--consents", type=int, default=LARGE.consents)
    parser.add_argument("--disclosures", type=int, default=LARGE.disclosures)
    parser.add_argument("--full", action="store_true", help="statements keep all their bytes")
    parser.add_argument("--folder", type=Path, help="where to make both databases; they stay there")
    given = parser.parse_args()
    events.configure(sys.stderr, level=logging.ERROR)
    large = Size(
        agencies=given.agencies,
        consents=given.consents,
        disclosures=given.disclosures,
        full=given.full,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        asyncio.run(survey(folder, (SMALL, large), lambda line: print(line, flush=True)))


GROWTH = Benchmark(names=tuple(f"growth_{name}" for name in GATE), run=_growth)

if __name__ == "__main__":
    main()
