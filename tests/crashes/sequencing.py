"""A process that records documents and sequences the log, until it is killed.

What it was told is recorded it writes to a file at once; what the hub signs lies in the database.
"""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from exchange.errors import ExchangeError
from exchange.hub import app, publish, sequence
from exchange.hub.parts import Hub
from exchange.hub.settings import HubSettings
from tests.ledgers import recorded

WRITERS = 4
"""Units of work under way at once."""


def work(home: str, url: str | None, acknowledged: str) -> None:
    """Open the hub in `home` and work until killed; the outcome of a failed COMMIT ends it."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    given: dict[str, Any] = {} if url is None else {"database_url": url}
    settings = HubSettings(
        home=Path(home),
        origin="http://127.0.0.1:8700",
        disk={"reserve": 1024},
        log={"tick_ms": 5, "tick_idle_ms": 20, "batch": 64},
        **given,
    )
    asyncio.run(_work(settings, Path(acknowledged)))


async def _work(settings: HubSettings, acknowledged: Path) -> None:
    file = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    ending = asyncio.Event()
    async with (
        app.opened(settings, clock=lambda: datetime.now(UTC), on_failure=ending.set) as found,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(sequence.run(found.hub, settings.log, ending))
        group.create_task(publish.run(found.hub, settings.log, ending))
        for _ in range(WRITERS):
            group.create_task(_write(found.hub, file, ending))


async def _write(hub: Hub, file: int, ending: asyncio.Event) -> None:
    while not ending.is_set():
        try:
            rids = await hub.db.write(recorded, 2, os.urandom(4).hex(), hub.clock())
        except ExchangeError:  # the database is away, or the outcome unknown: nothing was promised
            await asyncio.sleep(0.02)
            continue
        # After the commit: from here on it was acknowledged.
        os.write(file, "".join(f"{rid}\n" for rid in rids).encode())
        await asyncio.sleep(0.001)
