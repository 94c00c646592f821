"""What a long history costs: the person's page with 1,000 events, a decision after 10,000 uses.

Events of the page are real ones, made through the hub. Past uses are copies of one real
disclosure that was collected and acknowledged, with other ids and digests.
"""

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import aiohttp
from sqlalchemy import Connection

from exchange.canonical import b64u
from exchange.consent.decision import Asked, Permit
from exchange.hub import app, gate
from exchange.hub.parts import Hub
from exchange.members import write_time
from exchange.vocabulary import Secrecy
from exchange.wire import routes
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.place import RECIPIENT, SENDER, Place
from tests.person import consent_with_code
from tests.simulator import Given

FEW, MANY = 3, 333
"""Documents; each leaves three events, and recording the consent leaves one."""
USES = 10_000
WARM_UP, PER_ROUND, ROUNDS = 20, 60, 7
DECISIONS, DECIDING = 500, 15


def _page_growth(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        ratio = asyncio.run(_pages(Path(name), report))
    return [
        Figure(
            name="person_page_growth",
            value=ratio,
            bound=3.0,
            unit="hub CPU per page, 1,000 / 10 events",
            sense="at most",
        )
    ]


async def _pages(folder: Path, report: Report) -> float:
    place = Place(folder)
    codes = []
    async with place.running():
        await place.arrange()
        for count in (FEW, MANY):
            given, code = await _long_consent(place)
            codes.append(code)
            await _history(place, given, count)
    few, many = codes
    ratios = []
    with place.served() as hub:
        async with aiohttp.ClientSession(place.origin) as session:

            async def spent(code: str, count: int = PER_ROUND) -> float:
                before = hub.cpu_s()
                for _ in range(count):
                    await _open(session, place.origin, code)
                return (hub.cpu_s() - before) / count

            for code in (few, many):
                await spent(code, WARM_UP)
            for number in range(ROUNDS):
                short, long = await spent(few), await spent(many)
                ratios.append(long / short)
                report(f"round {number + 1}: {short * 1e3:.1f} ms and {long * 1e3:.1f} ms")
    return statistics.median(ratios)


async def _long_consent(place: Place) -> tuple[Given, str]:
    until = write_time(place.now + timedelta(days=90))
    return await consent_with_code(place, valid_until=until, uses="recurring")


async def _history(place: Place, given: Given, count: int) -> None:
    """Let so many documents be stored, collected and acknowledged."""
    for _ in range(count):
        letter = await place.sent(given)
        assert (await place.collect(letter)).status == 200
        assert (await place.acknowledge(letter)).status == 200


async def _open(session: aiohttp.ClientSession, origin: str, code: str) -> None:
    """Open the page with a code, as her browser does."""
    headers = {
        "Origin": origin,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": routes.FORM,
    }
    async with session.post("/p/", data=f"lang=de&code={code}", headers=headers) as page:
        body = await page.text()
        assert page.status == 200, body
        assert 'value="ask"' in body


def _history_cost(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        ratio = asyncio.run(_decisions(Path(name), report))
    return [
        Figure(
            name="decide_cost_with_history",
            value=ratio,
            bound=1.1,
            unit="CPU per decision, 10,000 past uses / none",
            sense="at most",
        )
    ]


async def _decisions(folder: Path, report: Report) -> float:
    place = Place(folder)
    async with place.running():
        await place.arrange()
        fresh, _ = await _long_consent(place)
        used, _ = await _long_consent(place)
        await _history(place, used, 1)
    _fill(place.home / "hub.sqlite", used, USES - 1)
    ratios = []
    opened = app.opened(place.settings, clock=lambda: place.now, on_failure=lambda: None)
    async with opened as found:
        for number in range(DECIDING):
            ratio, cheap, dear = await found.hub.db.read(_compared, found.hub, place, fresh, used)
            ratios.append(ratio)
            report(f"round {number + 1}: {cheap * 1e6:.0f} us and {dear * 1e6:.0f} us")
    return statistics.median(ratios)


def _compared(
    conn: Connection, hub: Hub, place: Place, fresh: Given, used: Given
) -> tuple[float, float, float]:
    """Decide about both in turns, so that whatever else the machine does meets both."""
    spent = {fresh.digest: 0.0, used.digest: 0.0}
    for number in range(2 * DECISIONS):
        consent = (fresh, used)[number % 2].digest
        start = time.thread_time()
        decision = gate.examine(conn, hub, _question(place, consent), vetoed=False).decision
        spent[consent] += time.thread_time() - start
        assert isinstance(decision, Permit), decision
    cheap, dear = (spent[given.digest] / DECISIONS for given in (fresh, used))
    return dear / cheap, cheap, dear


def _question(place: Place, consent: str) -> Asked:
    return Asked(
        consent=consent,
        sender=SENDER,
        recipients=frozenset({RECIPIENT}),
        purpose="housing-loss",
        category="rent-arrears-letter",
        secrecy=Secrecy.PROFESSIONAL,
        exp=place.now + timedelta(days=1),
    )


def _fill(database: Path, used: Given, count: int) -> None:
    """Repeat the one disclosure under a consent, with its recipient and its events."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    ((chain, next_n),) = connection.execute(
        "SELECT c.chain, l.next_n FROM consents c JOIN log_chain l ON l.chain = c.chain "
        "WHERE c.digest = ?",
        (used.digest,),
    ).fetchall()
    names = [_uuid() for _ in range(count)]
    # A blob belongs to one row only; the copies have had theirs, as after the sweeper.
    _repeat(connection, "disclosures", "id", names, blob=None, digest=lambda: b64u(os.urandom(32)))
    _repeat(connection, "disclosure_recipients", "disclosure", names, number=iter(range(9, 10**9)))
    events = [_uuid() for _ in range(3 * count)]
    _repeat(connection, "log_event", "rid", events, n=iter(range(next_n, 10**9)), chain=chain)
    connection.execute(
        "UPDATE log_chain SET next_n = next_n + ? WHERE chain = ?", (3 * count, chain)
    )
    connection.execute("UPDATE consents SET used = used + ? WHERE digest = ?", (count, used.digest))
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _repeat(
    connection: sqlite3.Connection, table: str, key: str, names: list[str], **other: object
) -> None:
    """Insert a row of a table again under each name, with other values where given."""
    rows = connection.execute(f"SELECT * FROM {table} LIMIT 1")  # noqa: S608 - ours
    columns = [column[0] for column in rows.description]
    model = dict(zip(columns, rows.fetchone(), strict=True))
    marks = ", ".join("?" * len(columns))
    connection.executemany(
        f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 - marks only
        ([_value(value) for value in {**model, **other, key: name}.values()] for name in names),
    )


def _value(given: object) -> object:
    if callable(given):
        return given()
    return next(given) if hasattr(given, "__next__") else given


def _uuid() -> str:
    raw = os.urandom(16).hex()
    return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"


PAGE = Benchmark(names=("person_page_growth",), run=_page_growth)
HISTORY = Benchmark(names=("decide_cost_with_history",), run=_history_cost)
