"""Statements compiled once: SQLAlchemy writes them, the driver runs them.

The library spends 25 microseconds around a statement that SQLite answers in two; a disclosure
runs some twenty of them. A prepared statement keeps the text, its constants and the
conversions of its types, and hands them to the driver of the unit of work's own connection.

For constants of a module only, on paths where it counts; everything else uses `conn.execute`.
On another database than SQLite it does that as well.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Delete, Dialect, Insert, LargeBinary, Select, Update
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from exchange.sqlite_file import DRIVER

Convert = Callable[[Any], Any]
Place = TypeVar("Place", str, int)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one statement runs on SQLite."""

    text: str
    constants: Mapping[str, Any]
    """Parameters that the statement brings along."""
    binds: tuple[tuple[str, Convert], ...]
    """Parameters whose values are converted."""
    row: Callable[[Any], Any]
    """Makes a row, its columns as attributes, from its values."""
    results: tuple[tuple[int, Convert], ...]
    """Columns whose values are converted."""

    def rows(self, found: Sequence[tuple[Any, ...]]) -> list[Any]:
        if not self.results:
            return list(map(self.row, found))
        rows = []
        for values in found:
            converted = list(values)
            for place, convert in self.results:
                converted[place] = convert(converted[place])
            rows.append(self.row(converted))
        return rows


class Prepared:
    """One statement, ready to run in a unit of work."""

    __slots__ = ("_names_columns", "_plans", "_statement")

    def __init__(self, statement: Select[Any] | Insert | Update | Delete | Any) -> None:
        """Take a statement whose parameters are all bound by name."""
        self._statement = statement
        self._names_columns = isinstance(statement, Insert) and statement.select is None
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def all(self, conn: Connection, given: Mapping[str, Any]) -> list[Any]:
        """Return every row, its columns as attributes and in their order."""
        driver = _driver(conn)
        if driver is None:
            return list(conn.execute(self._statement, given))
        plan, cursor = self._run(driver, given)
        return plan.rows(cursor.fetchall())

    def one(self, conn: Connection, given: Mapping[str, Any]) -> Any | None:
        """Return the first row, or None."""
        rows = self.all(conn, given)
        return rows[0] if rows else None

    def changed(self, conn: Connection, given: Mapping[str, Any]) -> int:
        """Run a statement that returns no rows, and return how many it changed."""
        driver = _driver(conn)
        if driver is None:
            return conn.execute(self._statement, given).rowcount
        return self._run(driver, given)[1].rowcount

    def _run(
        self, driver: sqlite3.Connection, given: Mapping[str, Any]
    ) -> tuple[_Plan, sqlite3.Cursor]:
        # Which columns an INSERT names follows from what it is given.
        names = tuple(given) if self._names_columns else ()
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plans[names] = _planned(self._statement, names)
        values = {**plan.constants, **given}
        for name, convert in plan.binds:
            values[name] = convert(values[name])
        try:
            return plan, driver.execute(plan.text, values)
        except sqlite3.Error as error:
            # As the library would: callers know its classes, and its text holds no values.
            raised = DBAPIError.instance(
                plan.text, None, error, sqlite3.Error, hide_parameters=True
            )
            raise raised from error


def _driver(conn: Connection) -> sqlite3.Connection | None:
    """Return the connection of the driver, or None where the library must run the statement.

    So it must on another database, and where it begins a transaction because there is none.
    """
    driver: sqlite3.Connection | None = conn.get_execution_options().get(DRIVER)
    if driver is None and conn.dialect.name == "sqlite" and conn.in_transaction():
        driver = cast("sqlite3.Connection", conn.connection.driver_connection)
    return driver


def _planned(statement: Any, names: tuple[str, ...]) -> _Plan:
    dialect = SQLiteDialect_pysqlite(paramstyle="named")
    columns = list(names) if names else None
    compiled = cast("SQLCompiler", statement.compile(dialect=dialect, column_keys=columns))
    returned = list(statement.exported_columns) if _returns(statement) else []
    row = cast("Any", namedtuple)("Row", [column.key for column in returned], rename=True)
    return _Plan(
        compiled.string,
        {name: one.value for name, one in compiled.binds.items() if not one.required},
        _converting((name, _bind(one.type, dialect)) for name, one in compiled.binds.items()),
        partial(tuple.__new__, row),
        _converting(
            (place, column.type.dialect_impl(dialect).result_processor(dialect, None))
            for place, column in enumerate(returned)
        ),
    )


def _bind(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if isinstance(kind, LargeBinary):
        return None  # the driver takes bytes as they are
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _converting(
    processors: Iterable[tuple[Place, Convert | None]],
) -> tuple[tuple[Place, Convert], ...]:
    return tuple((place, each) for place, each in processors if each is not None)


def _returns(statement: Any) -> bool:
    return bool(statement.is_select or statement._returning)  # noqa: SLF001 - no public name
