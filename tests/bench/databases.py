"""The hub on PostgreSQL against the hub on SQLite: its own CPU per small disclosure.

The server's CPU is not counted: it is spent elsewhere, and on SQLite there is none. What is
compared is what one process of the hub can do.
"""

import asyncio
import statistics
import tempfile
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from exchange.hub.storage import schema
from tests import postgres
from tests.bench.figures import Benchmark, Figure, Report
from tests.bench.hub import PER_ROUND, ROUNDS, WARM_UP, small_letters, spent
from tests.bench.place import SENDER, Place, disclose


def _compared(report: Report) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as name,
        postgres.private_server() as server,
        server.database(server.template(schema.make)) as url,
    ):
        places = {
            "SQLite": Place(Path(name) / "one"),
            "PostgreSQL": Place(Path(name) / "other", database_url=url),
        }
        return asyncio.run(_compared_in(places, report))


async def _compared_in(places: dict[str, Place], report: Report) -> list[Figure]:
    ratios = []
    async with AsyncExitStack() as sessions:
        with ExitStack() as hubs:
            running = {}
            for name, place in places.items():
                place.home.parent.mkdir()
                consent = await place.prepared()
                letters = small_letters(place, consent, WARM_UP + ROUNDS * PER_ROUND)
                child = hubs.enter_context(place.served())
                session = await sessions.enter_async_context(place.session(SENDER))
                for _ in range(WARM_UP):
                    await disclose(session, letters.pop())
                running[name] = child, session, letters
            for number in range(ROUNDS):
                took = {}
                for name, (child, session, letters) in running.items():
                    took[name] = await spent(child, lambda: disclose(session, letters.pop()))  # noqa: B023
                ratios.append(took["PostgreSQL"] / took["SQLite"])
                told = ", ".join(f"{name} {took[name] * 1e3:.2f}" for name in took)
                report(f"round {number + 1}: ms CPU of the hub per disclosure: {told}")
    return [
        Figure(
            name="hub_cpu_postgres_vs_sqlite",
            value=statistics.median(ratios),
            bound=1.5,
            unit="hub CPU on PostgreSQL / on SQLite",
            sense="at most",
        )
    ]


DATABASES = Benchmark(names=("hub_cpu_postgres_vs_sqlite",), run=_compared)
