"""Which schema a hub's database has, and the tables of an empty one. Never changes an older one.

A schema is named by the revision that made it, kept in `alembic_version`. The way from one to the
next is `migrate`, which an operator asks for; starting only looks. This module imports no
alembic: a new hub on SQLite begins without it.
"""

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)

from exchange.errors import Misconfigured
from exchange.hub.storage import headers, log_tables, officer_tables, tables

HEAD = "0010"
"""The schema of `tables`; each change of a table comes with a revision in `migrations`."""
BY_USER_VERSION = {1: "0001", 2: "0002"}
"""What SQLite files from before there was `alembic_version` have in `PRAGMA user_version`."""
LOCK = 0x58434847
"""Key of the advisory lock on PostgreSQL under which tables are made or changed."""

versions = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""As alembic would make it: one row."""


def prepare(conn: Connection) -> None:
    """Make the tables in an empty database, or check those of another.

    For SQLite, where a hub needs no set-up. The caller has begun a transaction: after a crash in
    here the database is empty, or it is whole.

    Raises:
        Misconfigured: see `check`.
    """
    if revision(conn) is None:
        make(conn)
    else:
        check(conn)


def make(conn: Connection) -> None:
    """Make every table of the hub in an empty database, the table of headers included."""
    if {headers.headers.metadata, officer_tables.officers.metadata} != {tables.metadata}:
        raise AssertionError("every table belongs to the same database")
    tables.metadata.create_all(conn, checkfirst=False)
    for statement in log_tables.EXTRA[conn.dialect.name]:
        conn.exec_driver_sql(statement)
    stamp(conn, HEAD)


def check(conn: Connection) -> None:
    """Refuse a database whose tables are not those this program knows; changes nothing.

    Raises:
        Misconfigured: empty, older, later or not ours, and what to do.
    """
    require(revision(conn))


def require(found: str | None) -> None:
    """Refuse every schema but that of this program.

    Args:
        found: what `revision` said.

    Raises:
        Misconfigured: what it is, and what to do.
    """
    if found == HEAD:
        return
    if found is None:
        raise Misconfigured("the database is empty: make its tables with exchange hub migrate")
    if found < HEAD:
        raise Misconfigured(
            f"the database has schema {found}, this program needs {HEAD}: run exchange hub migrate"
        )
    raise Misconfigured(
        f"the database has schema {found}, this program knows up to {HEAD}: "
        "run the version of the program that made it"
    )


def revision(conn: Connection) -> str | None:
    """Return the revision of the database, or None if it is empty.

    Raises:
        Misconfigured: it holds tables that no version of this program made.
    """
    names = inspect(conn).get_table_names()
    if versions.name in names:
        found = conn.execute(select(versions.c.version_num)).scalars().all()
        if len(found) == 1:
            return str(found[0])
    elif conn.dialect.name == "sqlite":
        number = conn.exec_driver_sql("PRAGMA user_version").scalar_one()
        if number in BY_USER_VERSION:
            return BY_USER_VERSION[number]
        if not names and not number:
            return None
    elif not names:
        return None
    raise Misconfigured("the database is not one of this program")


def stamped(conn: Connection) -> bool:
    """Tell whether the database keeps its revision in `alembic_version`."""
    return inspect(conn).has_table(versions.name)


def stamp(conn: Connection, at: str) -> None:
    """Note the revision of a database that has no `alembic_version` yet.

    A version of this program from before it then refuses the file: it finds no number it knows.
    """
    versions.create(conn, checkfirst=False)
    conn.execute(insert(versions), {"version_num": at})
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA user_version=0")
