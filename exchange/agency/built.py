"""Statements on the gateway's tables, built once: building one costs more than running it."""

from functools import cache
from typing import Any

from sqlalchemy import Select, Table, bindparam, select
from sqlalchemy.dialects.sqlite import Insert, insert


@cache
def added(table: Table) -> Insert:
    """Return an INSERT of whole rows."""
    return insert(table)


@cache
def added_once(table: Table) -> Insert:
    """Return an INSERT of whole rows that leaves a row alone that is there already."""
    return insert(table).on_conflict_do_nothing()


@cache
def put(table: Table) -> Insert:
    """Return an INSERT of whole rows that replaces the row with the same primary key."""
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_={column.name: column for column in statement.excluded if column.name not in keys},
    )


@cache
def by_id(table: Table) -> Select[Any]:
    """Return a SELECT of the rows whose `id` is `of`."""
    return select(table).where(table.c.id == bindparam("of"))
