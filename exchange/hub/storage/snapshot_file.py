"""A snapshot of an SQLite file, taken while others write to it, and the way back."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from exchange.durable import name_durably, partial_name
from exchange.errors import Misconfigured
from exchange.hub.storage.snapshot import FACTS, Part, Progress, chunks_of, described
from exchange.sqlite_file import BUSY, changer_engine, erase_from_wal

PAGES = 2048
"""Pages copied between two looks at the progress: 8 MB."""


def copy(path: Path, target: Path, progress: Progress) -> Part:
    """Copy the database at `path`, as it stands at this moment, to a new file at `target`.

    Whoever writes to it goes on: the copy reads from one snapshot. Until it is done the
    write-ahead log cannot be emptied, so what is deleted meanwhile is in it a little longer.

    Args:
        path: of the database.
        target: of the copy, which does not exist; readable by this user only.
        progress: told the pages copied and how many there are.

    Raises:
        Misconfigured: the database cannot be read, or there is no room.
    """
    if not path.is_file():
        raise Misconfigured(f"there is no database at {path}")
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        with closing(_reading(path)) as source, closing(sqlite3.connect(target)) as copied:
            # The snapshot is the one of this connection's transaction: without it, each commit
            # of the hub would begin the copy anew.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            source.backup(
                copied, pages=PAGES, progress=lambda _, left, total: progress(total - left, total)
            )
            source.execute("ROLLBACK")
            # One file, that nobody changes by reading it.
            copied.execute("PRAGMA journal_mode=DELETE")
        return described(target)
    except sqlite3.Error as error:
        raise Misconfigured(f"the database cannot be copied: {error}") from None


def _reading(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (BUSY, "query_only=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def facts(path: Path) -> tuple[str, int, str]:
    """Return the schema of a copied database of records, the size of its log, its newest head.

    Raises:
        Misconfigured: it is from before schemas had names.
    """
    try:
        with closing(_reading(path)) as copied:
            schema, size, note = (copied.execute(query).fetchone() for query in FACTS)
    except sqlite3.Error:
        raise Misconfigured("run exchange hub migrate first: this schema is too old") from None
    return schema[0], size[0], "" if note is None else note[0].decode("utf-8")


def version(path: Path) -> str:
    """Return the schema of a copied vault.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        with closing(_reading(path)) as copied:
            (found,) = copied.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise Misconfigured(f"the copy of the vault cannot be read: {error}") from None
    return str(found)


def place(source: Path, path: Path, change: Callable[[Connection], None] | None) -> None:
    """Put a copy back where no database is; durable and whole when it returns, or not there.

    Args:
        source: whose digest was compared.
        path: where the database belongs.
        change: done to it before it gets its name, in one transaction.

    Raises:
        Misconfigured: something is there, the copy is damaged inside, or there is no room.
    """
    leftovers = (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal"))
    for there in leftovers:
        if there.exists():
            raise Misconfigured(
                f"{there} exists; a backup is restored into an empty place only: move it away"
            )
    partial = partial_name(path)
    try:
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as made:
            for chunk in chunks_of(source):
                made.write(chunk)
        _check(partial)
        if change is not None:
            change_file(partial, change)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        # A crash before this line leaves a hidden file that nobody opens.
        name_durably(partial, path)
    except (OSError, sqlite3.Error) as error:
        raise Misconfigured(f"the backup cannot be put back: {type(error).__qualname__}") from None
    finally:
        for left in partial.parent.glob(f"{partial.name}*"):
            left.unlink()


def _check(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise Misconfigured("the database in the backup is damaged: use another backup")


def change_file(path: Path, change: Callable[[Connection], None]) -> None:
    """Change a database that nobody uses, in one transaction; no deleted row stays in its WAL."""
    engine = changer_engine(path)
    try:
        with engine.begin() as conn:
            change(conn)
    finally:
        engine.dispose()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        erase_from_wal(connection)
