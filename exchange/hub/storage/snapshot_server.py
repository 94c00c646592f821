"""A snapshot of a database on PostgreSQL, table by table from one transaction, and the way back.

Rows are in the form that COPY writes as text: any later version of the server reads them. The
memory needed does not depend on how many there are.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine, column, delete, func, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError

from exchange.errors import Misconfigured
from exchange.hub.storage.snapshot import FACTS, Part, Progress, chunks_of

ENDING = ".copy"
"""Of a file with the rows of the table it is named after."""
_PATIENT = (
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "
    "SET LOCAL client_encoding = 'UTF8'; SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'UTC'"
)
"""A table may take minutes; how its rows are spelt does not depend on the server."""


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield one snapshot of everything, which keeps nobody from writing.

    Rows that are deleted meanwhile cannot be cleared away before it ends.

    Raises:
        Misconfigured: the server cannot be reached, or has given up.
    """
    with _told(), engine.connect() as conn:
        # Of the connection: an engine keeps what it was told of isolation before.
        conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with conn.begin():
            conn.exec_driver_sql(_PATIENT)
            yield conn


@contextmanager
def filling(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction in which a database is made whole, or stays as it is.

    Raises:
        Misconfigured: the server cannot be reached, or has refused something.
    """
    with _told(), engine.connect() as conn:
        conn.execution_options(isolation_level="READ COMMITTED")
        with conn.begin():
            conn.exec_driver_sql(_PATIENT)
            yield conn


@contextmanager
def _told() -> Iterator[None]:
    """Say in one line what the server refused; never a row, which its details may quote."""
    try:
        yield
    except (SQLAlchemyError, psycopg.Error) as error:
        found = getattr(error, "orig", error)
        told = found.diag.message_primary if isinstance(found, psycopg.Error) else None
        why = told or type(found).__qualname__
        raise Misconfigured(f"the database refused: {why}; nothing was changed") from None


def copy(conn: Connection, directory: Path, progress: Progress) -> tuple[Part, ...]:
    """Write the rows of every table to a file of its own in `directory`; durable on return.

    Args:
        conn: from `reading`.
        directory: empty.
        progress: told the bytes written and about how many there will be.
    """
    tables = _tables(conn)
    sizes = [select(func.pg_table_size(_quoted(conn, name))) for name in tables]
    about, done = sum(conn.execute(size).scalar_one() for size in sizes), 0
    parts = []
    for name in tables:
        part = _write(conn, name, directory / f"{name}{ENDING}")
        done += part.size
        progress(done, max(done, about))
        parts.append(part)
    return tuple(parts)


def facts(conn: Connection) -> tuple[str, int, str]:
    """Return the schema of a database of records, the size of its log, its newest head."""
    schema, size, note = (conn.exec_driver_sql(query).one_or_none() for query in FACTS)
    if schema is None or size is None:
        raise Misconfigured("the database is not one of this program")
    return schema[0], size[0], "" if note is None else bytes(note[0]).decode("utf-8")


def fill(conn: Connection, directory: Path, parts: Sequence[Part], progress: Progress) -> None:
    """Fill tables that were just made with the rows of a backup.

    Args:
        conn: from `filling`; the tables are those of the backup's schema.
        directory: of the backup, whose parts were checked.
        parts: in any order.
        progress: told the bytes read and how many there are.

    Raises:
        Misconfigured: the backup has other tables.
    """
    named = {part.name: part for part in parts}
    tables = _tables(conn)
    if named.keys() != {f"{name}{ENDING}" for name in tables}:
        raise Misconfigured("the backup does not have the tables of its schema")
    total, done = sum(part.size for part in parts), 0
    for name in tables:
        part = named[f"{name}{ENDING}"]
        _read(conn, name, part, directory / part.name)
        done += part.size
        progress(done, total)


def _tables(conn: Connection) -> list[str]:
    """Return the names of all tables, each behind those it refers to."""
    found = inspect(conn).get_sorted_table_and_fkc_names()
    return [name for name, _ in found if name is not None]


def _quoted(conn: Connection, *names: str) -> str:
    return ", ".join(map(conn.dialect.identifier_preparer.quote_identifier, names))


def _driver(conn: Connection) -> "psycopg.Connection[Any]":
    return cast("psycopg.Connection[Any]", conn.connection.driver_connection)


def _write(conn: Connection, name: str, file: Path) -> Part:
    columns = tuple(str(found["name"]) for found in inspect(conn).get_columns(name))
    command = f"COPY {_quoted(conn, name)} ({_quoted(conn, *columns)}) TO STDOUT"
    digest, size = hashlib.sha256(), 0
    made = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with (
        os.fdopen(made, "wb") as written,
        _driver(conn).cursor() as cursor,
        cursor.copy(command.encode("utf-8")) as rows,
    ):
        for row in rows:
            digest.update(row)
            size += written.write(row)
        written.flush()
        os.fsync(written.fileno())
    return Part(name=file.name, size=size, sha256=digest.hexdigest(), columns=columns)


def _read(conn: Connection, name: str, part: Part, file: Path) -> None:
    # What a new table has from the beginning, such as the tree of an empty log.
    conn.execute(delete(table(name)))
    command = f"COPY {_quoted(conn, name)} ({_quoted(conn, *part.columns)}) FROM STDIN"
    with _driver(conn).cursor() as cursor, cursor.copy(command.encode("utf-8")) as rows:
        for chunk in chunks_of(file):
            rows.write(chunk)
    for found in inspect(conn).get_columns(name):
        if "identity" in found:
            # The next number is behind those that are there: the order of the log rests on it.
            counter = func.pg_get_serial_sequence(_quoted(conn, name), found["name"])
            last: Any = func.max(column(found["name"]))
            conn.execute(select(func.setval(counter, last)).select_from(table(name)))
