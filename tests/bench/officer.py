"""The officers' pages at 10^6 events: what one costs beside a small log and beside an empty page.

Each of two hubs holds a few real events and a session; behind them lie copies of these events, in
a tree that is whole. Pages are asked for as a browser does, from processes of their own.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp

from exchange.hub.answers.findings import FINDINGS
from exchange.hub.desk.figures import FIGURES
from exchange.hub.desk.findings import BASE
from exchange.hub.desk.shell import HOME
from exchange.hub.officers.sessions import COOKIE
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.officer_log import fill, prepare
from tests.bench.place import RECIPIENT, Place
from tests.bench.processes import MIB, Child

FEW, MANY = 10_000, 1_000_000
"""Events in the list of one agency."""
WARM_UP, PER_ROUND, ROUNDS = 5, 20, 7
QUIET_S = 2.0
"""Seconds in which a hub that has begun does nothing, before it is measured."""
LOG = "/officer/log"
EMPTY = f"{LOG}?since=2100-01-01"
"""The same page with nothing on it."""
PAGES_OF_LOG = (
    LOG,
    f"{LOG}?kind=disclosure-acknowledged",
    f"{LOG}?purpose=housing-loss",
    f"{LOG}?partner={RECIPIENT}&state=acknowledged",
    f"{LOG}?partner=nobody-here",
)
"""Whole pages, and one that looks at all it may and finds nothing."""
DEAREST = (
    *PAGES_OF_LOG,
    HOME,
    FIGURES,
    *(f"{BASE}/{finding}" for finding in FINDINGS),
)
"""Whichever of them is the dearest counts."""


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
        cookies.append(await prepare(place))
        await fill(place, count)
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
            assert path != HOME or all(f"{BASE}/{finding}" in body for finding in FINDINGS), body
            assert ("<tbody>" in body) is (path not in {EMPTY, PAGES_OF_LOG[-1], HOME}), body
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
