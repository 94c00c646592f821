"""The hub's database: one SQLite file in its home, or a server that any number of hubs share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from exchange.database import Database
from exchange.hub.storage import schema
from exchange.sqlite import BATCH, QUEUE, SqliteDatabase

FILE = "hub.sqlite"
"""Name of the file in the hub's data directory."""


class HubDatabase(Database, Protocol):
    """What the composition root needs of a database beyond units of work."""

    @property
    def failed(self) -> bool:
        """Whether a COMMIT failed in a way after which this process must start anew."""
        ...

    def waiting(self) -> Mapping[str, int]:
        """Return how many units of work wait for a connection now, by the lane they wait in."""
        ...

    async def erase_from_wal(self) -> bool:
        """Make deleted rows leave the write-ahead log; False while a reader prevents it."""
        ...

    async def close(self) -> None:
        """Finish what waits, then close."""
        ...


def open_file(
    directory: Path,
    *,
    on_failure: Callable[[], None],
    batch: int = BATCH,
    queue: int = QUEUE,
) -> SqliteDatabase:
    """Open the hub's database in `directory`, or make it.

    Args:
        directory: exists; readable by the hub only.
        on_failure: called once after a COMMIT failed; the process must stop.
        batch: units of work that share one COMMIT at most.
        queue: units that may wait.

    Raises:
        Misconfigured: another process uses it, or its schema is unknown.
    """
    return SqliteDatabase(
        directory / FILE, schema.prepare, on_failure=on_failure, batch=batch, queue=queue
    )
