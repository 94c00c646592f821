"""One SQLite file: how it is opened, locked, made durable and made to forget.

Below `exchange.sqlite`, which writes and reads through it. Begins nothing by itself but what a
caller puts into `transaction`.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from exchange.errors import Misconfigured

BUSY = "busy_timeout=5000"
"""Milliseconds a transaction waits for the lock of the file; beyond it the answer is 503."""
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    BUSY,
    "secure_delete=ON",
    "trusted_schema=OFF",
    "temp_store=MEMORY",
)
"""Of every connection that may write. `secure_delete` is per connection; its default varies."""
SELDOM = "wal_autocheckpoint=10000"
"""Pages, 40 MB, after which a COMMIT itself writes the log back into the file.

At SQLite's 1,000 one disclosure in forty waited for that. A loop does it long before
(`erase_from_wal`), between two commits.
"""
_MUST_READ_BACK = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "secure_delete": 1,
    "temp_store": 2,
}
UNREFERRED = tuple(one.replace("foreign_keys=ON", "foreign_keys=OFF") for one in PRAGMAS)
"""Of a connection that changes tables: with the pragma on, dropping a table empties its children.

Inside a transaction the pragma is ignored, so it is off from the beginning.
"""
READERS = 4
"""Threads that read, each with a connection of its own."""


def lock_file(path: Path, *, shared: bool = False) -> int:
    """Take the lock of the database at `path` for this process, and return its descriptor.

    Held until the descriptor is closed or the process ends, however it ends.

    Args:
        path: of the database.
        shared: whether others that share may have it at the same time.

    Raises:
        Misconfigured: another process has it.
    """
    name = path.with_name(path.name + ".lock")
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise Misconfigured(f"another process uses {path}") from None
    return fd


def tune(engine: Engine, *, begin: str, pragmas: tuple[str, ...] = PRAGMAS) -> None:
    """Take BEGIN away from the driver and set the pragmas on every connection.

    The driver would begin at the first write only: what was read before it would not be part
    of the transaction, and two of them would decide on the same state.

    Args:
        engine: of SQLite.
        begin: `BEGIN IMMEDIATE` for whatever may write, `BEGIN` for readers.
        pragmas: without the word PRAGMA.
    """

    def on_connect(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None
        for pragma in pragmas:
            dbapi.execute(f"PRAGMA {pragma}")
        check_pragmas(dbapi, pragmas)

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def check_pragmas(connection: sqlite3.Connection, asked: tuple[str, ...] = PRAGMAS) -> None:
    """Read back what durability and erasure rest on, or refuse the connection."""
    for pragma, expected in _MUST_READ_BACK.items():
        if f"{pragma}=OFF" in asked:
            continue
        (found,) = connection.execute(f"PRAGMA {pragma}").fetchone()
        if found != expected:
            raise Misconfigured(f"SQLite does not keep {pragma}: this build cannot be used")


def erase_from_wal(connection: sqlite3.Connection) -> bool:
    """Truncate the WAL, so that deleted rows are in no file; False while a reader prevents it.

    Only on the connection that writes, outside a transaction: beside it, two checkpoints can
    corrupt the file (fixed in SQLite 3.51.3). Until it answered True, nothing was erased. It does
    not wait for the reader: a withdrawal may be waiting for this thread.
    """
    connection.execute("PRAGMA busy_timeout=0")
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA {BUSY}")
    return bool(busy == 0)


def connect(path: Path) -> sqlite3.Connection:
    """Return a tuned connection of the driver itself, for a file too small to need more."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    check_pragmas(connection)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run what is inside in one transaction that holds the lock of the file from its beginning."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def writer_engine(path: Path) -> Engine:
    """Return an engine whose transactions begin with the lock of the whole file."""
    engine = create_engine(_url(path), hide_parameters=True, pool_size=1, max_overflow=0)
    tune(engine, begin="BEGIN IMMEDIATE", pragmas=(*PRAGMAS, SELDOM))
    return engine


def changer_engine(path: Path) -> Engine:
    """Return an engine like the writer's for changing tables: references are not looked after."""
    engine = create_engine(_url(path), hide_parameters=True, pool_size=1, max_overflow=0)
    tune(engine, begin="BEGIN IMMEDIATE", pragmas=UNREFERRED)
    return engine


def reader_engine(path: Path, *, readers: int = READERS) -> Engine:
    """Return an engine that cannot write; each of its transactions is one snapshot."""
    # One connection more than threads: a look in the caller's thread must not wait for one.
    size = readers + 1
    engine = create_engine(_url(path), hide_parameters=True, pool_size=size, max_overflow=0)
    tune(engine, begin="BEGIN", pragmas=(*PRAGMAS, "query_only=ON"))
    return engine


def _url(path: Path) -> str:
    return f"sqlite:///{path}"
