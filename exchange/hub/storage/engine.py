"""The hub's database on one SQLite file: tables, triggers and the writer of `exchange.sqlite`."""

from collections.abc import Callable
from pathlib import Path

from exchange.hub.storage import headers, tables
from exchange.sqlite import BATCH, QUEUE, Schema, SqliteDatabase

FILE = "hub.sqlite"
"""Name of the file in the hub's data directory."""


def schema() -> Schema:
    """Return every table of the hub, that of the headers included."""
    if headers.headers.metadata is not tables.metadata:
        raise AssertionError("the headers belong to the same database")
    return Schema(metadata=tables.metadata, version=tables.VERSION, extra=tables.TRIGGERS)


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
        directory / FILE, schema(), on_failure=on_failure, batch=batch, queue=queue
    )
