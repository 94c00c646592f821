"""Statements compiled once: SQLAlchemy writes them, the driver runs them.

The library spends 25 microseconds around a statement that SQLite answers in two, and a hundred
around one of PostgreSQL; a disclosure runs some twenty of them. A prepared statement keeps the
text, its constants and the conversions of its types, and hands them to the driver of the unit of
work's own connection.

For constants of a module only, on paths where it counts; everything else uses `conn.execute`.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection, Delete, Insert, LargeBinary, Select, Update
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from exchange.database import DRIVER

Convert = Callable[[Any], Any]
Place = TypeVar("Place", str, int)
Row = Callable[[Iterable[Any]], Any]


class Plan(Protocol):
    """How one statement runs on one kind of database."""

    def rows(self, driver: Any, given: Mapping[str, Any]) -> list[Any]:
        """Run it on a connection of the driver and return what it found."""
        ...

    def changed(self, driver: Any, given: Mapping[str, Any]) -> int:
        """Run it on a connection of the driver and return how many rows it changed."""
        ...


class Driver(Protocol):
    """The driver behind a standing connection; its execution option `DRIVER`."""

    @property
    def planned(self) -> Callable[[Any, tuple[str, ...]], Plan]:
        """Compiles a statement, with the columns an INSERT names: one function per dialect."""
        ...


class Prepared:
    """One statement, ready to run in a unit of work."""

    __slots__ = ("_names_columns", "_plans", "_statement")

    def __init__(self, statement: Select[Any] | Insert | Update | Delete | Any) -> None:
        """Take a statement whose parameters are all bound by name."""
        self._statement = statement
        self._names_columns = isinstance(statement, Insert) and statement.select is None
        self._plans: dict[tuple[object, tuple[str, ...]], Plan] = {}

    def all(self, conn: Connection, given: Mapping[str, Any]) -> list[Any]:
        """Return every row, its columns as attributes and in their order."""
        driver = _driver(conn)
        if driver is None:
            return list(conn.execute(self._statement, given))
        return self._plan(driver, given).rows(driver, given)

    def one(self, conn: Connection, given: Mapping[str, Any]) -> Any | None:
        """Return the first row, or None."""
        rows = self.all(conn, given)
        return rows[0] if rows else None

    def changed(self, conn: Connection, given: Mapping[str, Any]) -> int:
        """Run a statement that returns no rows, and return how many it changed."""
        driver = _driver(conn)
        if driver is None:
            return conn.execute(self._statement, given).rowcount
        return self._plan(driver, given).changed(driver, given)

    def _plan(self, driver: Driver, given: Mapping[str, Any]) -> Plan:
        # Which columns an INSERT names follows from what it is given.
        names = tuple(given) if self._names_columns else ()
        plan = self._plans.get((driver.planned, names))
        if plan is None:
            plan = driver.planned(self._statement, names)
            self._plans[driver.planned, names] = plan
        return plan


def compiled(statement: Any, dialect: Any, names: tuple[str, ...]) -> SQLCompiler:
    """Return a statement as text for a dialect; an INSERT with the columns it names.

    Raises:
        TypeError: the library completes its text at each run, as for `IN` or a literal.
    """
    columns = list(names) if names else None
    found = cast("SQLCompiler", statement.compile(dialect=dialect, column_keys=columns))
    if found.literal_execute_params or found.post_compile_params:
        raise TypeError("no prepared statement: its text is completed at each run")
    return found


def returned(statement: Any) -> list[Any]:
    """Return the columns of a statement's rows; none of one that only changes."""
    if statement.is_select or statement._returning:  # noqa: SLF001 - no public name
        return list(statement.exported_columns)
    return []


def row_of(columns: Sequence[Any]) -> Row:
    """Return what makes a row, its columns as attributes, from its values."""
    row = cast("Any", namedtuple)("Row", [column.key for column in columns], rename=True)
    return partial(tuple.__new__, row)


@dataclass(frozen=True, slots=True)
class SqliteDriver:
    """The driver of SQLite, behind a connection that is always in a transaction."""

    connection: sqlite3.Connection

    @property
    def planned(self) -> Callable[[Any, tuple[str, ...]], Plan]:
        """See `Driver`."""
        return _planned


@dataclass(frozen=True, slots=True)
class _SqlitePlan:
    """How one statement runs on SQLite."""

    text: str
    constants: Mapping[str, Any]
    """Parameters that the statement brings along."""
    binds: tuple[tuple[str, Convert], ...]
    """Parameters whose values are converted."""
    row: Row
    results: tuple[tuple[int, Convert], ...]
    """Columns whose values are converted."""

    def rows(self, driver: SqliteDriver, given: Mapping[str, Any]) -> list[Any]:
        found = self._run(driver, given).fetchall()
        if not self.results:
            return list(map(self.row, found))
        rows = []
        for values in found:
            converted = list(values)
            for place, convert in self.results:
                converted[place] = convert(converted[place])
            rows.append(self.row(converted))
        return rows

    def changed(self, driver: SqliteDriver, given: Mapping[str, Any]) -> int:
        return self._run(driver, given).rowcount

    def _run(self, driver: SqliteDriver, given: Mapping[str, Any]) -> sqlite3.Cursor:
        values = {**self.constants, **given}
        for name, convert in self.binds:
            values[name] = convert(values[name])
        try:
            return driver.connection.execute(self.text, values)
        except sqlite3.Error as error:
            # As the library would: callers know its classes, and its text holds no values.
            raised = DBAPIError.instance(
                self.text, None, error, sqlite3.Error, hide_parameters=True
            )
            raise raised from error


def _driver(conn: Connection) -> Driver | None:
    """Return the driver of the connection, or None where the library must run the statement.

    So it must where it begins a transaction because there is none.
    """
    driver: Driver | None = conn.get_execution_options().get(DRIVER)
    if driver is None and conn.dialect.name == "sqlite" and conn.in_transaction():
        driver = SqliteDriver(cast("sqlite3.Connection", conn.connection.driver_connection))
    return driver


def _planned(statement: Any, names: tuple[str, ...]) -> Plan:
    dialect = SQLiteDialect_pysqlite(paramstyle="named")
    text = compiled(statement, dialect, names)
    columns = returned(statement)
    return _SqlitePlan(
        text.string,
        {name: one.value for name, one in text.binds.items() if not one.required},
        _converting((name, _bind(one.type, dialect)) for name, one in text.binds.items()),
        row_of(columns),
        _converting(
            (place, column.type.dialect_impl(dialect).result_processor(dialect, None))
            for place, column in enumerate(columns)
        ),
    )


def _bind(kind: TypeEngine[Any], dialect: SQLiteDialect_pysqlite) -> Convert | None:
    if isinstance(kind, LargeBinary):
        return None  # the driver takes bytes as they are
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _converting(
    processors: Iterable[tuple[Place, Convert | None]],
) -> tuple[tuple[Place, Convert], ...]:
    return tuple((place, each) for place, each in processors if each is not None)
