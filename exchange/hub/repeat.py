"""The caller's `Idempotency-Key`: the same key with another request is refused.

Every record's own id makes a repetition harmless already, and answers are rebuilt, never
stored: a header or a receipt must not lie in a second place. So all that is kept of a key is
which request it was used for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from exchange.hub.storage import idempotency

KEPT = timedelta(days=7)
"""How long a key is remembered."""


@dataclass(frozen=True, slots=True)
class Once:
    """A caller's key for one request."""

    agency: str
    key: str
    request: bytes
    """Labelled digest of method, route, id and body, 32 bytes."""


def claim(conn: Connection, once: Once | None, *, now: datetime) -> bool:
    """Remember what `once` was used for, in the unit of work that does it.

    Returns False for a repetition. A record's own id mostly makes that harmless; where there is
    none, nothing must be done a second time.

    Called after it is known that the caller may know the object, so that a reused key tells
    nothing about objects of others.

    Raises:
        KeyReused: the key was used for another request.
    """
    if once is None:
        return True
    return idempotency.claim(conn, once.agency, once.key, once.request, until=now + KEPT)
