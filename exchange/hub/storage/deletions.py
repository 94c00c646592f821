"""Deletion entries: that something was deleted when its time was over, and how much, of nobody.

Written in the unit of work that deletes, so that one without the other cannot be.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from exchange.hub.storage.tables import deletions


@dataclass(frozen=True, slots=True)
class Deletion:
    """What one run of the sweeper deleted of one class."""

    run: str
    """UUID of the run."""
    kind: str
    """Class of retention, such as `D05`."""
    period: str
    """Why its time was over, such as `3 years`."""


def note(conn: Connection, deletion: Deletion, count: int, *, at: datetime) -> None:
    """Count what this unit of work deletes."""
    if not count:
        return
    same = (
        (deletions.c.run == deletion.run)
        & (deletions.c["class"] == deletion.kind)
        & (deletions.c.period == deletion.period)
    )
    counted = update(deletions).where(same).values(count=deletions.c.count + count, at=at)
    if conn.execute(counted).rowcount == 0:
        conn.execute(
            insert(deletions),
            {
                "run": deletion.run,
                "class": deletion.kind,
                "period": deletion.period,
                "count": count,
                "at": at,
            },
        )


def counted(conn: Connection, kind: str) -> int:
    """Return how many of a class were ever deleted."""
    rows = conn.execute(select(deletions.c.count).where(deletions.c["class"] == kind))
    return sum(rows.scalars())
