"""Statements compiled once: SQLAlchemy writes them, the driver runs them.

The library spends 25 microseconds around a statement that SQLite answers in two; a disclosure
runs some twenty of them. A prepared statement keeps the text, the order of its parameters and the
conversions of its types, and hands them to the driver of the unit of work's own connection.

For constants of a module only, on paths where it counts; everything else uses `conn.execute`.
On another database than SQLite it does that as well.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import BindParameter, Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """One parameter."""

    name: str
    needed: bool
    """False for a constant of the statement."""
    otherwise: Any
    """Value of a constant."""
    convert: Convert | None

    def value(self, given: Mapping[str, Any]) -> Any:
        found = given[self.name] if self.needed else given.get(self.name, self.otherwise)
        return found if self.convert is None else self.convert(found)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one statement runs on SQLite."""

    text: str
    places: tuple[_Place, ...]
    """Parameters in their order."""
    row: Callable[..., Any] | None
    """Makes a row from its values; None for a statement that returns none."""
    converts: tuple[tuple[int, Convert], ...]
    """Columns whose values are converted."""

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        return [place.value(given) for place in self.places]

    def rows(self, found: Sequence[tuple[Any, ...]]) -> list[Any]:
        if self.row is None:
            return []
        if not self.converts:
            return [self.row(*values) for values in found]
        rows = []
        for values in found:
            converted = list(values)
            for place, convert in self.converts:
                converted[place] = convert(converted[place])
            rows.append(self.row(*converted))
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
        if not _direct(conn):
            return list(conn.execute(self._statement, given))
        plan = self._plan(conn, given)
        return plan.rows(_run(conn, plan, given).fetchall())

    def one(self, conn: Connection, given: Mapping[str, Any]) -> Any | None:
        """Return the first row, or None."""
        rows = self.all(conn, given)
        return rows[0] if rows else None

    def changed(self, conn: Connection, given: Mapping[str, Any]) -> int:
        """Run a statement that returns no rows, and return how many it changed."""
        if not _direct(conn):
            return conn.execute(self._statement, given).rowcount
        return _run(conn, self._plan(conn, given), given).rowcount

    def _plan(self, conn: Connection, given: Mapping[str, Any]) -> _Plan:
        # Which columns an INSERT names follows from what it is given.
        names = tuple(given) if self._names_columns else ()
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plans[names] = _planned(self._statement, conn.dialect, names)
        return plan


def _direct(conn: Connection) -> bool:
    """Tell whether the driver may be asked: the library begins a transaction that has none."""
    return conn.dialect.name == "sqlite" and conn.in_transaction()


def _run(conn: Connection, plan: _Plan, given: Mapping[str, Any]) -> sqlite3.Cursor:
    driver = cast("sqlite3.Connection", conn.connection.driver_connection)
    try:
        return driver.execute(plan.text, plan.values(given))
    except sqlite3.Error as error:
        # As the library would: callers know its classes, and its text holds no values.
        raised = DBAPIError.instance(plan.text, None, error, sqlite3.Error, hide_parameters=True)
        raise raised from error


def _planned(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> _Plan:
    columns = list(names) if names else None
    compiled = cast("SQLCompiler", statement.compile(dialect=dialect, column_keys=columns))
    places = tuple(
        _place(name, compiled.binds[name], dialect) for name in compiled.positiontup or ()
    )
    returned = list(statement.exported_columns) if statement.is_select else _returned(statement)
    converts = []
    for place, column in enumerate(returned):
        convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if convert is not None:
            converts.append((place, convert))
    names_of_row = [column.key for column in returned]
    row = cast("Any", namedtuple)("Row", names_of_row, rename=True) if returned else None
    return _Plan(compiled.string, places, row, tuple(converts))


def _place(name: str, bound: BindParameter[Any], dialect: Dialect) -> _Place:
    convert = bound.type.dialect_impl(dialect).bind_processor(dialect)
    return _Place(name, needed=bound.required, otherwise=bound.value, convert=convert)


def _returned(statement: Any) -> list[Any]:
    return list(statement.exported_columns) if statement._returning else []  # noqa: SLF001
