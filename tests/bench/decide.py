"""The cost of a decision with its look-ups, with 10^4 and with 10^6 consents recorded.

Real consents, signed and recorded through the hub, among rows that only fill the table: other
digests, other ids, a statement of the same order of size. Every decision asks about another real
consent, spread over the whole table, on a snapshot of its own as the gate's first look does.
"""

import asyncio
import os
import secrets
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection

from exchange.canonical import b64u
from exchange.consent.decision import Asked, Permit
from exchange.hub import app, gate
from exchange.hub.parts import Hub
from exchange.members import write_time
from exchange.vocabulary import Secrecy
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.place import RECIPIENT, SENDER, Place
from tests.simulator import Given

REAL = 1_000
FEW, MANY = 10_000, 1_000_000
STATEMENT = 1_500
"""Bytes of a filling statement; a real one has about 6,000, most of them on overflow pages."""
ROUNDS, DECISIONS = 7, 2_000


def _growth(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        ratio = asyncio.run(_measured(Path(name), report))
    return [
        Figure(
            name="decide_cost_growth",
            value=ratio,
            bound=1.3,
            unit="CPU per decision, 10^6 / 10^4 consents",
            sense="at most",
        )
    ]


async def _measured(folder: Path, report: Report) -> float:
    few = Place(folder / "few")
    (folder / "few").mkdir()
    consents = await _recorded(few)
    many = Place(folder / "many")
    shutil.copytree(few.home, many.home)
    for place, count in ((few, FEW), (many, MANY)):
        start = time.monotonic()
        _fill(place.home / "hub.sqlite", count - REAL)
        report(f"{count:,} consents after {time.monotonic() - start:.0f} s of filling")
    ratios = []
    async with (
        app.opened(few.settings, clock=lambda: few.now, on_failure=lambda: None) as small,
        app.opened(many.settings, clock=lambda: few.now, on_failure=lambda: None) as large,
    ):
        for hub in (small.hub, large.hub):  # parse every record once
            await hub.db.read(_decide_all, hub, _questions(few, consents, len(consents)))
        for number in range(ROUNDS):
            questions = list(_questions(few, consents, DECISIONS))
            cheap = await small.hub.db.read(_decide_all, small.hub, questions)
            dear = await large.hub.db.read(_decide_all, large.hub, questions)
            ratios.append(dear / cheap)
            report(f"round {number + 1}: {cheap * 1e6:.0f} us and {dear * 1e6:.0f} us")
    return statistics.median(ratios)


async def _recorded(place: Place) -> list[Given]:
    first = await place.prepared()
    until = write_time(place.now + timedelta(days=90))
    async with place.running():
        more = [await place.consent(valid_until=until, uses="recurring") for _ in range(REAL - 1)]
    return [first, *more]


def _fill(database: Path, count: int) -> None:
    """Add rows beside the real ones, copied from one of them but for digest, id and chain."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-500000")
    columns = [row[1] for row in connection.execute("PRAGMA table_info(consents)")]
    (model,) = connection.execute("SELECT * FROM consents LIMIT 1").fetchall()
    own = {"digest", "id", "chain", "statement"}
    at = {name: columns.index(name) for name in own}
    marks = ", ".join("?" * len(columns))
    connection.execute("BEGIN")
    rows = sorted(b64u(os.urandom(32)) for _ in range(count))  # in order, or the filling is slow

    def filled() -> Iterator[list[object]]:
        for digest in rows:
            row = list(model)
            row[at["digest"]] = digest
            row[at["id"]] = _uuid()
            row[at["chain"]] = _uuid()
            row[at["statement"]] = bytes(STATEMENT)
            yield row

    connection.executemany(f"INSERT INTO consents VALUES ({marks})", filled())  # noqa: S608 - marks only
    parties = ((digest, agency, role) for digest in rows for agency, role in _PARTIES)
    connection.executemany(
        "INSERT INTO consent_parties (consent, agency, role) VALUES (?, ?, ?)", parties
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


_PARTIES = ((SENDER, "releaser"), (RECIPIENT, "recipient"))


def _uuid() -> str:
    raw = os.urandom(16).hex()
    return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"


def _questions(place: Place, consents: list[Given], count: int) -> Iterator[Asked]:
    for _ in range(count):
        yield Asked(
            consent=secrets.choice(consents).digest,
            sender=SENDER,
            recipients=frozenset({RECIPIENT}),
            purpose="housing-loss",
            category="rent-arrears-letter",
            secrecy=Secrecy.PROFESSIONAL,
            exp=place.now + timedelta(days=1),
        )


def _decide_all(conn: Connection, hub: Hub, questions: "list[Asked] | Iterator[Asked]") -> float:
    """Decide every question; return CPU seconds per decision."""
    asked = list(questions)
    start = time.thread_time()
    for question in asked:
        decision = gate.examine(conn, hub, question, vetoed=False).decision
        assert isinstance(decision, Permit), decision
    return (time.thread_time() - start) / len(asked)


GROWTH = Benchmark(names=("decide_cost_growth",), run=_growth)
