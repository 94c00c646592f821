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

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one statement runs on SQLite."""

    text: str
    places: tuple[tuple[str | None, Any], ...]
    """Parameters in their order: the name the caller gives, or None and a constant."""
    binds: tuple[tuple[int, Convert], ...]
    """Parameters whose values are converted."""
    row: Callable[[Any], Any]
    """Makes a row, its columns as attributes, from its values."""
    results: tuple[tuple[int, Convert], ...]
    """Columns whose values are converted."""

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        found = [value if name is None else given[name] for name, value in self.places]
        for place, convert in self.binds:
            found[place] = convert(found[place])
        return found

    def rows(self, found: Sequence[tuple[Any, ...]]) -> list[Any]:
        if not self.results:
            return [self.row(values) for values in found]
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
    bound = [(name, compiled.binds[name]) for name in compiled.positiontup or ()]
    returned = list(statement.exported_columns) if _returns(statement) else []
    names_of_row = [column.key for column in returned]
    return _Plan(
        compiled.string,
        tuple((name, None) if one.required else (None, one.value) for name, one in bound),
        _converting([one.type.dialect_impl(dialect).bind_processor(dialect) for _, one in bound]),
        cast("Any", namedtuple)("Row", names_of_row, rename=True)._make,
        _converting(
            [
                column.type.dialect_impl(dialect).result_processor(dialect, None)
                for column in returned
            ]
        ),
    )


def _converting(processors: Sequence[Convert | None]) -> tuple[tuple[int, Convert], ...]:
    return tuple((place, each) for place, each in enumerate(processors) if each is not None)


def _returns(statement: Any) -> bool:
    return bool(statement.is_select or statement._returning)  # noqa: SLF001 - no public name
