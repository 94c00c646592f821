"""The hub's database on one SQLite file: tables, triggers and the writer of `exchange.sqlite`."""

from collections.abc import Callable
from pathlib import Path

from exchange.hub.storage import schema
from exchange.sqlite import BATCH, QUEUE, SqliteDatabase

FILE = "hub.sqlite"
"""Name of the file in the hub's data directory."""


def open_database(
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
