"""Which submission a key was used for, so that repeating one sends nothing twice.

Plain functions on the connection of a unit of work, like those of `state`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from exchange.agency import state, tables
from exchange.agency.state import Sending, Sent
from exchange.errors import Conflict, KeyReused

VAIN: Final = (Sending.REFUSED, Sending.EXPIRED, Sending.ENDED)
"""States in which a disclosure is over and nobody has collected it."""
KEPT: Final = timedelta(days=30)
"""How long a key is remembered."""


def find_submitted(conn: Connection, key: str, request: bytes) -> list[Sent] | None:
    """Return what was made of a submission, as far as it has come; None when the key is free.

    Args:
        conn: of the unit of work.
        key: the caller's own.
        request: digest of what is submitted.

    Raises:
        KeyReused: the key was used for another submission.
    """
    query = select(tables.submissions).where(tables.submissions.c.key == key)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    if row.request != request:
        raise KeyReused("the key was used for another submission; give a new document a new key")
    found = [state.find_sent(conn, disclosure_id) for disclosure_id in row.ids.split(",")]
    return [sent for sent in found if sent is not None]


def claim(
    key: str, request: bytes, now: datetime, conn: Connection, sealed: Sequence[Sent]
) -> None:
    """Remember what was made of a submission, in the unit of work that makes it.

    Raises:
        Conflict: the same submission came twice at the same time, and the other was first.
        KeyReused: as `find_submitted`.
    """
    if find_submitted(conn, key, request) is not None:
        raise Conflict("the same submission is being sent at this moment; ask again for its result")
    ids = ",".join(sent.id for sent in sealed)
    conn.execute(insert(tables.submissions).values(key=key, request=request, ids=ids, at=now))


def forget_vain(conn: Connection, key: str | None) -> None:
    """Let a key be used anew if nothing it was used for has reached anybody, or will."""
    query = select(tables.submissions.c.ids).where(tables.submissions.c.key == key)
    ids = conn.execute(query).scalar_one_or_none()
    if ids is None:
        return
    found = [state.find_sent(conn, disclosure_id) for disclosure_id in ids.split(",")]
    if all(sent is None or sent.state in VAIN for sent in found):
        conn.execute(delete(tables.submissions).where(tables.submissions.c.key == key))


def forget_submissions(conn: Connection, now: datetime) -> None:
    """Remove keys whose time is over."""
    conn.execute(delete(tables.submissions).where(tables.submissions.c.at < now - KEPT))
