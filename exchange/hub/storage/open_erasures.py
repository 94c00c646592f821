"""How many erasures are open: read from what is open alone, whatever was answered before."""

from datetime import datetime

from sqlalchemy import Connection, case, func, select

from exchange.hub.storage.erasures import Role, owed
from exchange.hub.storage.tables import consents, erasures


def counts(conn: Connection, caller: str, role: Role, *, now: datetime) -> tuple[int, int]:
    """Return how many are open, and how many of these are overdue.

    Args:
        conn: may be a reader's.
        caller: whose list it is.
        role: `asked` is what the caller must answer, `asking` what others owe it.
        now: hub time.
    """
    concerned = erasures.c.recipient == caller if role == "asked" else owed(caller)
    overdue = func.sum(case((erasures.c.due <= now, 1), else_=0))
    query = (
        select(func.count(), func.coalesce(overdue, 0))
        .join_from(erasures, consents)
        .where(erasures.c.answered_at.is_(None), concerned)
    )
    count, late = conn.execute(query).one()
    return count, late
