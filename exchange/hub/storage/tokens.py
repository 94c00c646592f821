"""Client assertions that were used: each is good for one token."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from exchange.hub.storage.tables import used_assertions

_USE = insert(used_assertions)
_USED = select(used_assertions.c.until).where(
    used_assertions.c.agency == bindparam("of"), used_assertions.c.jti == bindparam("named")
)


def first_use(conn: Connection, agency: str, jti: str, *, until: datetime) -> bool:
    """Remember an assertion until it has expired; False when it was used before."""
    if conn.execute(_USED, {"of": agency, "named": jti}).first() is not None:
        return False
    # Twice at once: the second one fails here, runs again and finds the first.
    conn.execute(_USE, {"agency": agency, "jti": jti, "until": until})
    return True


def sweep(conn: Connection, *, now: datetime) -> int:
    """Forget assertions that have expired, and return how many."""
    return conn.execute(delete(used_assertions).where(used_assertions.c.until <= now)).rowcount
