"""Databases as earlier versions of the hub made them, with rows that a hub has written.

`schemas/*.sql` is what each version really made on SQLite, taken from a file of it. Rows are
written by today's hub and carried over: of each table and column that the old schema has.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, Table, create_engine, func, inspect, select, text
from sqlalchemy.pool import NullPool

from exchange.hub.storage import migrate

FOLDER = Path(__file__).parent / "schemas"
SCHEMAS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
"""Every schema there ever was before this program's."""


def quiet(_reached: str, _words: str) -> None:
    """Take what a migration tells."""


def make_file(path: Path, revision: str) -> None:
    """Make an empty database as the version of that time made it."""
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.executescript((FOLDER / f"{revision}.sql").read_text(encoding="utf-8"))


def make_on_server(conn: Connection, revision: str) -> None:
    """Make the tables of an old schema in an empty database on PostgreSQL."""
    migrate.upgrade(conn, quiet, to=revision)


def carry(source: Path, target: Connection) -> None:
    """Copy the rows of a hub's SQLite file into an old database, as far as that has the columns."""
    engine = create_engine(f"sqlite:///{source}", poolclass=NullPool)
    new, old = MetaData(), MetaData()
    old.reflect(target)
    with engine.connect() as conn:
        new.reflect(conn)
        for table in old.sorted_tables:
            if table.name != "alembic_version":
                _carry(conn.execute(_reading(new.tables[table.name], table)).all(), table, target)
    if target.dialect.name == "postgresql":
        count = (
            "SELECT setval(pg_get_serial_sequence('log_pending', 'id'), max(id)) FROM log_pending"
        )
        target.execute(text(count))


def _reading(new: Table, old: Table) -> Any:
    return select(*(new.c[column.name] for column in old.columns))


def _carry(rows: Any, table: Table, target: Connection) -> None:
    if table.name == "log_tree":
        target.execute(table.delete())
    if rows:
        target.execute(table.insert(), [dict(row._mapping) for row in rows])


def counted(conn: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    metadata = MetaData()
    metadata.reflect(conn)
    return {
        table.name: conn.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }


def described(conn: Connection) -> set[Any]:
    """Return everything that makes a schema, apart from the order in which it was made."""
    if conn.dialect.name == "sqlite":
        return {*_described_file(conn)}
    return {tuple(row) for query in _CATALOGUE for row in conn.exec_driver_sql(query)}


def _described_file(conn: Connection) -> list[Any]:
    def ask(pragma: str, name: str) -> list[Any]:
        return [tuple(row) for row in conn.exec_driver_sql(f"PRAGMA {pragma}('{name}')")]

    found: list[Any] = []
    for name in inspect(conn).get_table_names():
        found += [(name, "column", *row) for row in ask("table_xinfo", name)]
        found += [(name, "reference", *row[2:]) for row in ask("foreign_key_list", name)]
        for _, index, unique, origin, partial in ask("index_list", name):
            columns = tuple(row[2] for row in ask("index_info", index))
            given = "" if index.startswith("sqlite_autoindex") else index
            found.append((name, "index", given, unique, origin, partial, columns))
        checks = inspect(conn).get_check_constraints(name)
        found += [(name, "check", one["name"], one["sqltext"]) for one in checks]
    for kind, name, on, sql in conn.exec_driver_sql(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('trigger', 'table')"
    ):
        words = sql.upper() if kind == "table" else sql
        found.append((kind, name, on, words if kind == "trigger" else _traits(words)))
    return found


def _traits(words: str) -> tuple[bool, ...]:
    return tuple(trait in words for trait in ("AUTOINCREMENT", "WITHOUT ROWID", "STRICT"))


_CATALOGUE = (
    """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attstorage, a.attidentity, l.collname, pg_get_expr(d.adbin, d.adrelid)
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       LEFT JOIN pg_collation l ON l.oid = a.attcollation
       LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
       WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
       AND c.relkind = 'r'""",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    """SELECT relname, array_to_string(reloptions, ' ') FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'""",
    """SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
)
