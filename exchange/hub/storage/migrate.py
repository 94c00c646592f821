"""Lead a hub's database to the schema of this program: what `exchange hub migrate` does.

Everything happens in one transaction, on both databases: a crash at any moment leaves the old
schema or the new one. No hub that serves imports this module: alembic is needed here only.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from exchange.durable import partial_name, sync_directory
from exchange.errors import Misconfigured
from exchange.hub.storage import schema, vault_server
from exchange.sqlite_file import changer_engine, erase_from_wal, lock_file, reader_engine

Told = Callable[[str, str], None]
"""Takes the schema a step has led to and what it was about."""

PATIENCE = "10s"
"""How long a table may be waited for on PostgreSQL: whoever comes behind waits as well."""


def find_in_file(path: Path) -> str | None:
    """Return the schema of an SQLite file, None where there is none yet; also beside a hub.

    Raises:
        Misconfigured: the file is not one of this program.
    """
    if not path.exists():
        return None
    engine = reader_engine(path)
    try:
        with engine.connect() as conn:
            return schema.revision(conn)
    except SQLAlchemyError as error:
        raise Misconfigured(f"the database cannot be read: {type(error).__qualname__}") from None
    finally:
        engine.dispose()


def migrate_file(path: Path, told: Told, *, copy: Path | None) -> None:
    """Lead an SQLite file to this program's schema, or make its tables.

    Args:
        path: of the file. No hub may use it.
        told: called after each step, before anything is committed.
        copy: where a copy of the file is kept as it was; None: nowhere.

    Raises:
        Misconfigured: a hub uses it, its schema is unknown, or a step failed; nothing has
            changed then.
    """
    lock = lock_file(path)
    engine = changer_engine(path)
    try:
        if copy is not None:
            copy_file(path, copy)
        with _changing(engine) as conn:
            upgrade(conn, told)
        with engine.connect() as conn:
            # What a table held that was made anew must not stay behind in the WAL.
            erase_from_wal(cast("sqlite3.Connection", conn.connection.driver_connection))
        path.chmod(0o600)
    finally:
        engine.dispose()
        os.close(lock)


def copy_file(path: Path, target: Path) -> None:
    """Copy an SQLite file as it stands, durable when it returns; replaces an older copy.

    A crash leaves at most a partial file beside the target.

    Raises:
        Misconfigured: there is no room, or the directory cannot be written.
    """
    partial = partial_name(target)
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copied:
            source.backup(copied)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
        sync_directory(target.parent)
    except (OSError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True)
        raise Misconfigured(f"no copy could be made: {type(error).__qualname__}") from None


def find_on_server(engine: Engine) -> str | None:
    """Return the schema of a database on PostgreSQL, None if it is empty.

    Raises:
        Misconfigured: it cannot be reached, or is not one of this program.
    """
    with _changing(engine) as conn:
        return schema.revision(conn)


def migrate_server(engine: Engine, told: Told) -> None:
    """Lead a database on PostgreSQL to this program's schema, or make its tables in an empty one.

    Hubs of the release before may run meanwhile (docs/migrations.md).

    Args:
        engine: of the database, as a role that may change its tables.
        told: called after each step, before anything is committed.

    Raises:
        Misconfigured: it cannot be reached, its schema is unknown, or a step failed; nothing has
            changed then.
    """
    with _changing(engine) as conn:
        lock(conn)
        conn.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        upgrade(conn, told)


def find_vault(engine: Engine) -> bool:
    """Tell whether a database on PostgreSQL is a vault of this program's schema.

    False if it is empty, or of an earlier one: `make_vault` leads it on.

    Raises:
        Misconfigured: it cannot be reached, or is something else.
    """
    with _changing(engine) as conn:
        found = vault_server.version(conn)
        if found is None or found < vault_server.VERSION:
            return False
        vault_server.check(conn)
        return True


def make_vault(engine: Engine) -> None:
    """Make the tables of a vault in an empty database on PostgreSQL, or lead an earlier one on.

    A repetition is no error.

    Raises:
        Misconfigured: it cannot be reached, or holds something else.
    """
    with _changing(engine) as conn:
        lock(conn)
        found = vault_server.version(conn)
        if found is None:
            vault_server.make(conn)
        elif found < vault_server.VERSION:
            vault_server.upgrade(conn)
        else:
            vault_server.check(conn)


def upgrade(conn: Connection, told: Told, *, to: str = schema.HEAD) -> None:
    """Make the tables in an empty database; lead those of an older one to this program's.

    Args:
        conn: in a transaction; on SQLite of a `changer_engine`.
        told: called after each step.
        to: another schema than this program's; for tests.

    Raises:
        Misconfigured: a later schema, one that is not ours, or rows that would refer to nothing.
    """
    found = schema.revision(conn)
    if found is None and to == schema.HEAD:
        schema.make(conn)
        told(to, "the tables of an empty database")
        return
    if found is not None and not schema.stamped(conn):
        schema.stamp(conn, found)
    if found is not None and found >= to:
        schema.check(conn)
        return
    config = Config()
    config.set_main_option("script_location", "exchange.hub.storage:migrations")
    config.attributes["connection"] = conn
    config.attributes["told"] = _teller(told)
    command.upgrade(config, to)
    _check_references(conn)


def lock(conn: Connection) -> None:
    """Let one process at a time change the tables, until its transaction ends."""
    conn.execute(select(func.pg_advisory_xact_lock(schema.LOCK)))


@contextmanager
def _changing(engine: Engine) -> Iterator[Connection]:
    """Run what is inside in one transaction; whatever the database refuses is told in one line."""
    try:
        with engine.begin() as conn:
            yield conn
    except SQLAlchemyError as error:
        told = str(getattr(error, "orig", error)).strip().partition("\n")[0]
        # Whatever became of it, all or nothing: a repetition finds out and goes on.
        raise Misconfigured(f"the database refused: {told}; repeat the command") from None


def _teller(told: Told) -> Callable[..., None]:
    def tell(step: Any, **_: object) -> None:
        told(step.up_revision_id, step.up_revision.doc.partition(": ")[2])

    return tell


def _check_references(conn: Connection) -> None:
    """Refuse what would leave a row without the one it refers to; the caller rolls back."""
    if conn.dialect.name != "sqlite":
        return
    found = conn.exec_driver_sql("PRAGMA foreign_key_check").all()
    if found:
        tables = ", ".join(sorted({row[0] for row in found}))
        raise Misconfigured(f"after the migration rows would refer to nothing, in: {tables}")
