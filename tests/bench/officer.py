"""The officers' log at 10^6 events: what a page costs beside a small log and beside an empty page.

Each of two hubs holds a real consent, a document and a session; around them lie copies of their
events, in a tree that is whole. Pages are asked for as a browser does, from processes of their own.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import aiohttp
from sqlalchemy import Connection, text

from exchange.hub.follow_log import catch_up
from exchange.hub.officers.sessions import COOKIE
from exchange.hub.storage import tree
from exchange.members import write_time
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.place import RECIPIENT, SENDER, Place
from tests.bench.processes import MIB, Child
from tests.officer import logged_in

FEW, MANY = 10_000, 1_000_000
"""Events in the list of one agency."""
CHUNK = 10_000
"""Events filled in by one unit of work."""
WARM_UP, PER_ROUND, ROUNDS = 5, 20, 7
QUIET_S = 2.0
"""Seconds in which a hub that has begun does nothing, before it is measured."""
LOG = "/officer/log"
EMPTY = f"{LOG}?since=2100-01-01"
"""The same page with nothing on it."""
DEAREST = (
    LOG,
    f"{LOG}?kind=disclosure-acknowledged",
    f"{LOG}?purpose=housing-loss",
    f"{LOG}?partner={RECIPIENT}&state=acknowledged",
    f"{LOG}?partner=nobody-here",
)
"""Whole pages, and one that looks at all it may and finds nothing."""


def _pages(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        growth, beside, grown = asyncio.run(_measured(Path(name), report))
    return [
        Figure(
            name="officer_page_growth",
            value=growth,
            bound=1.5,
            unit="hub CPU of the dearest page, 10^6 / 10^4 events",
            sense="at most",
        ),
        Figure(
            name="officer_page_vs_empty",
            value=beside,
            bound=8.0,
            unit="hub CPU of the dearest page / of an empty one, 10^6 events",
            sense="at most",
        ),
        Figure(
            name="officer_export_memory_mib",
            value=grown,
            bound=60.0,
            unit="MiB that a hub grows by to export 10^6 events",
            sense="at most",
        ),
    ]


async def _measured(folder: Path, report: Report) -> tuple[float, float, float]:
    few, many = Place(folder / "few"), Place(folder / "many")
    cookies = []
    for place, count in ((few, FEW), (many, MANY)):
        cookies.append(await _prepare(place))
        await _fill(place, count)
        report(f"{count:,} events filled in")
    with few.served() as small, many.served() as large:
        async with _browser(few, cookies[0]) as one, _browser(many, cookies[1]) as other:
            for hub in (small, large):
                await _quiet(hub)
            costs = await _compared(((small, one), (large, other)), report)
            dearest = max(DEAREST, key=lambda path: costs[path][1])
            report(f"the dearest page: {dearest}")
            grown = await _exported(large, other, report)
    cheap, dear = costs[dearest]
    return dear / cheap, dear / costs[EMPTY][1], grown


async def _prepare(place: Place) -> str:
    """Make what is real, one event of each kind, and the session of an officer; its cookie."""
    async with place.running():
        await place.arrange()
        until = write_time(place.now.replace(year=place.now.year + 1))
        letter = await place.sent(await place.consent(valid_until=until, uses="recurring"))
        assert (await place.collect(letter)).status == 200
        assert (await place.acknowledge(letter)).status == 200
        await place.settled()
        await catch_up(place.hub)
        desk, _ = await logged_in(place, agency=SENDER)
    return desk.cookie


async def _fill(place: Place, count: int) -> None:
    """Copy the events of the document until there are so many, followed and in the tree."""
    async with place.running(), place.still():
        models = await place.rows(
            "SELECT e.rid, e.chain, e.kind, e.at, e.body, l.leaf FROM log_event e "
            "JOIN log_entry l ON l.rid = e.rid WHERE e.kind LIKE 'disclosure-%' ORDER BY l.idx"
        )
        for first in range(0, count, CHUNK):
            await place.hub.db.write_behind(_copied, models, first)
        await place.hub.db.write_behind(_followed)


def _copied(
    conn: Connection, models: Sequence[tuple[str, str, str, str, bytes, bytes]], first: int
) -> None:
    size = tree.tree(conn).size
    events, rows, leaves = [], [], []
    for number in range(first, first + CHUNK):
        rid, chain, kind, at, body, leaf = models[number % len(models)]
        name = str(UUID(int=(number << 80) | 0x4000_8000_0000_0000_0000, version=4))
        events.append(
            {
                "rid": name,
                "chain": chain,
                "n": 1_000 + number,
                "kind": kind,
                "at": at,
                "body": body.replace(rid.encode(), name.encode()),
            }
        )
        rows.append({"agency": SENDER, "at": at, "idx": size + number - first, "kind": kind})
        leaves.append((leaf, name))
    conn.execute(
        text(
            "INSERT INTO log_event (rid, chain, n, kind, at, body) "
            "VALUES (:rid, :chain, :n, :kind, :at, :body)"
        ),
        events,
    )
    conn.execute(
        text("INSERT INTO log_reader (agency, at, idx, kind) VALUES (:agency, :at, :idx, :kind)"),
        rows,
    )
    tree.extend(conn, leaves)


def _followed(conn: Connection) -> None:
    conn.execute(text("UPDATE log_reader_size SET size = (SELECT size FROM log_tree)"))


def _browser(place: Place, cookie: str) -> aiohttp.ClientSession:
    headers = {"Cookie": f"{COOKIE}={cookie}", "Accept-Language": "de"}
    return aiohttp.ClientSession(place.origin, headers=headers)


async def _quiet(hub: Child) -> None:
    """Wait until a hub has signed its tree and looked through its log."""
    while True:
        before = hub.cpu_s()
        await asyncio.sleep(QUIET_S)
        if hub.cpu_s() - before < QUIET_S / 10:
            return


async def _compared(
    hubs: tuple[tuple[Child, aiohttp.ClientSession], tuple[Child, aiohttp.ClientSession]],
    report: Report,
) -> dict[str, tuple[float, float]]:
    """Return CPU seconds per page in the small and in the large log, medians over rounds."""
    spent: dict[str, list[tuple[float, float]]] = {path: [] for path in (EMPTY, *DEAREST)}
    for number in range(ROUNDS + 1):
        for path, rounds in spent.items():
            count = PER_ROUND if number else WARM_UP
            small, large = [await _spent(hub, session, path, count) for hub, session in hubs]
            if number:
                rounds.append((small, large))
    found = {}
    for path, rounds in spent.items():
        small, large = (statistics.median(side) for side in zip(*rounds, strict=True))
        found[path] = small, large
        report(f"{path}: {small * 1e3:.1f} ms and {large * 1e3:.1f} ms")
    return found


async def _spent(hub: Child, session: aiohttp.ClientSession, path: str, count: int) -> float:
    before = hub.cpu_s()
    for _ in range(count):
        async with session.get(path) as answer:
            body = await answer.text()
            assert answer.status == 200, body
            assert ("<tbody>" in body) is (path not in {EMPTY, DEAREST[-1]}), body
    return (hub.cpu_s() - before) / count


async def _exported(hub: Child, session: aiohttp.ClientSession, report: Report) -> float:
    """Export everything, and return by how many MiB the hub has grown at most."""
    before, begun, lines = hub.resident(), time.monotonic(), 0
    hub.forget_peak()
    whole = aiohttp.ClientTimeout(total=None, sock_read=60)
    async with session.get(f"{LOG}.csv", timeout=whole) as answer:
        assert answer.status == 200, await answer.text()
        async for chunk in answer.content.iter_any():
            lines += chunk.count(b"\n")
    assert lines > MANY
    grown = (hub.peak() - before) / MIB
    report(f"{lines:,} lines in {time.monotonic() - begun:.0f} s: {grown:.1f} MiB")
    return grown


PAGES = Benchmark(
    names=("officer_page_growth", "officer_page_vs_empty", "officer_export_memory_mib"),
    run=_pages,
)
