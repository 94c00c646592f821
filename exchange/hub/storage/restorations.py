"""What a database says of having been brought back from a backup."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from exchange.hub.storage.log_tables import (
    log_tree,
    restorations,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """One time that this database came from a backup, and is not yet ready to be served."""

    at: datetime
    made_at: datetime | None
    """When the backup was made; None where another program brought the database back."""
    size: int
    """Entries of the log in it."""


def record(conn: Connection, *, at: datetime, made_at: datetime | None) -> None:
    """Note that this database was brought back just now; in the transaction that fills it.

    Args:
        conn: of that transaction.
        at: now.
        made_at: when the backup was made, if that is known.
    """
    size = conn.execute(select(log_tree.c.size)).scalar_one()
    row = {"at": at, "made_at": made_at, "size": size, "ready_at": None}
    conn.execute(insert(restorations), row)


def unfinished(conn: Connection) -> Restoration | None:
    """Return the newest time that is not finished; None for a database that may be served."""
    query = (
        select(restorations)
        .where(restorations.c.ready_at.is_(None))
        .order_by(restorations.c.at.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else Restoration(at=row.at, made_at=row.made_at, size=row.size)


def since(conn: Connection, moment: datetime) -> bool:
    """Tell whether this database was brought back at a moment, or after it."""
    query = select(restorations.c.at).where(restorations.c.at >= moment).limit(1)
    return conn.execute(query).first() is not None


def finish(conn: Connection, *, at: datetime) -> None:
    """Note that nothing is left in this database that has lost its payload."""
    change = update(restorations).where(restorations.c.ready_at.is_(None))
    conn.execute(change.values(ready_at=at))
