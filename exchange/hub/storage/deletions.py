"""Deletion entries: that something was deleted when its time was over, and how much, of nobody.

Written in the unit of work that deletes, so that one without the other cannot be.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from exchange.days import day_of
from exchange.hub.storage.log_tables import (
    deletions,
)


@dataclass(frozen=True, slots=True)
class Deletion:
    """What one run of the sweeper deleted of one class."""

    run: str
    """UUID of the run; of what is deleted all day long the day."""
    kind: str
    """Class of retention, such as `D05`."""
    period: str
    """Why its time was over, such as `3 years`."""


def daily(kind: str, period: str, *, at: datetime) -> Deletion:
    """Return the entry of a class of which something is deleted every few seconds."""
    return Deletion(day_of(at).isoformat(), kind, period)


def note(conn: Connection, deletion: Deletion, count: int, *, at: datetime) -> None:
    """Count what this unit of work deletes; the last thing it does, for others wait behind it."""
    if not count:
        return
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    named = {"run": deletion.run, "class": deletion.kind, "period": deletion.period}
    made = dialect.insert(deletions).values({**named, "count": count, "at": at})
    more = {"count": deletions.c.count + made.excluded.count, "at": made.excluded.at}
    conn.execute(made.on_conflict_do_update(index_elements=list(named), set_=more))
