"""Statements on the gateway's tables, prepared once: preparing one costs more than running it."""

from functools import cache

from sqlalchemy import Table, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from exchange.prepared import Prepared


@cache
def added(table: Table) -> Prepared:
    """Return an INSERT of whole rows."""
    return Prepared(insert(table))


@cache
def added_once(table: Table) -> Prepared:
    """Return an INSERT of whole rows that leaves a row alone that is there already."""
    return Prepared(insert(table).on_conflict_do_nothing())


@cache
def put(table: Table) -> Prepared:
    """Return an INSERT of whole rows that replaces the row with the same primary key."""
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=keys,
            set_={column.name: column for column in statement.excluded if column.name not in keys},
        )
    )


@cache
def by_id(table: Table) -> Prepared:
    """Return a SELECT of the rows whose `id` is `of`."""
    return Prepared(select(table).where(table.c.id == bindparam("of")))
