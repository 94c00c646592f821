"""Keys that callers chose for their requests: only which request each was used for.

Never an answer: a header, a receipt or a salt must not lie in a second place.
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from exchange.errors import KeyReused
from exchange.hub.storage.tables import idempotency

_CLAIM = insert(idempotency)
_FIND = select(idempotency.c.request).where(
    idempotency.c.agency == bindparam("of"), idempotency.c.key == bindparam("named")
)


def claim(conn: Connection, agency: str, key: str, request: bytes, *, until: datetime) -> bool:
    """Remember `key` for this request; True when it is new, False when it is a repetition.

    Args:
        conn: of the unit of work that does what was asked.
        agency: the caller; another agency's keys are its own.
        key: as sent.
        request: labelled digest of method, route, id and body.
        until: how long it is remembered.

    Raises:
        KeyReused: the key was used for another request.
    """
    before = conn.execute(_FIND, {"of": agency, "named": key}).scalar_one_or_none()
    if before is None:
        # Twice at once: the second one fails here, runs again and finds the first.
        row = {"agency": agency, "key": key, "request": request, "until": until}
        conn.execute(_CLAIM, row)
        return True
    if before != request:
        raise KeyReused
    return False


def sweep(conn: Connection, *, now: datetime, limit: int) -> int:
    """Forget keys whose time has passed, at most `limit`, and return how many."""
    old = (
        select(idempotency.c.agency, idempotency.c.key)
        .where(idempotency.c.until <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = conn.execute(old).all()
    for agency, key in rows:
        conn.execute(
            delete(idempotency).where(idempotency.c.agency == agency, idempotency.c.key == key)
        )
    return len(rows)
