"""Client assertions that were used: each is good for one token."""

from datetime import datetime

from sqlalchemy import Connection, delete
from sqlalchemy.dialects.sqlite import insert

from exchange.hub.storage.tables import used_assertions

_USE = insert(used_assertions).on_conflict_do_nothing()


def first_use(conn: Connection, agency: str, jti: str, *, until: datetime) -> bool:
    """Remember an assertion until it has expired; False when it was used before."""
    row = {"agency": agency, "jti": jti, "until": until}
    return conn.execute(_USE, row).rowcount == 1


def sweep(conn: Connection, *, now: datetime) -> int:
    """Forget assertions that have expired, and return how many."""
    return conn.execute(delete(used_assertions).where(used_assertions.c.until <= now)).rowcount
