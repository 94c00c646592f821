"""How much there is of what waits, read at once for whoever watches the hub: counts, ages, no ids.

Each question is answered from the beginning of an index. What could be much is counted up to
`MOST`: nobody needs to know more, and reading on would cost the hub time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    bindparam,
    func,
    literal_column,
    select,
)

from exchange.hub.storage import checkpoints, notices, tree
from exchange.hub.storage.log_tables import log_chain, log_entry, log_event, log_pending
from exchange.hub.storage.tables import disclosure_recipients
from exchange.hub.storage.tables import notices as outbox

MOST: Final = 100_000
"""Up to which is counted: some milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What one look finds, from one snapshot."""

    size: int
    """Entries of the log's tree."""
    signed_size: int
    """Of them, those that a signed head covers."""
    signed_at: datetime | None
    """When the newest head was signed."""
    pending: int
    """Leaves that no signed head covers, in the tree or not; without those deferred."""
    oldest: datetime | None
    """When the oldest of them was recorded."""
    deferred: int
    """Leaves that wait for the vault."""
    waiting: int
    """Documents that lie in inboxes, once for each recipient that has not answered."""
    unsent: int
    """Notices in the outbox, due or not."""
    parked: int
    """Notices that were given up, as long as they are kept."""
    due_since: datetime | None
    """Since when the oldest notice is due that could be sent."""


_UNSIGNED = (
    select(log_event.c.at)
    .join_from(log_entry, log_event, log_entry.c.rid == log_event.c.rid)
    .where(log_entry.c.idx == bindparam("of", type_=BigInteger))
)
_PENDING = (
    select(log_event.c.at)
    .join_from(log_pending, log_event, log_pending.c.rid == log_event.c.rid)
    .where(log_pending.c.leaf.is_not(None))
    .order_by(log_pending.c.id)
    .limit(1)
)
_DEFERRED = select(func.coalesce(func.sum(log_chain.c.deferred), 0)).where(
    # The figure stands in the statement, as in the index of these few.
    log_chain.c.deferred > literal_column("0")
)
_LIMIT = bindparam("limit", type_=Integer)
# Every id is greater: a range is found in the index of what waits.
_IN_INBOXES = (
    select(disclosure_recipients.c.agency)
    .where(disclosure_recipients.c.waiting, disclosure_recipients.c.agency > literal_column("''"))
    .limit(_LIMIT)
)
_IN_OUTBOX = select(outbox.c.state).where(outbox.c.state == bindparam("of")).limit(_LIMIT)


def read(conn: Connection, *, now: datetime) -> Levels:
    """Return how much waits, for what, since when.

    Args:
        conn: of a reader.
        now: hub time.
    """
    size, head = tree.tree(conn).size, checkpoints.newest(conn)
    signed = 0 if head is None else head.size
    unsigned: datetime | None = conn.execute(_UNSIGNED, {"of": signed}).scalar()
    pending: datetime | None = conn.execute(_PENDING).scalar()
    return Levels(
        size=size,
        signed_size=signed,
        signed_at=None if head is None else head.signed_at,
        pending=size - signed + tree.waiting(conn, limit=MOST),
        oldest=pending if unsigned is None else unsigned,
        deferred=int(conn.execute(_DEFERRED).scalar_one()),
        waiting=_counted(conn, _IN_INBOXES),
        unsent=_counted(conn, _IN_OUTBOX, of="waiting"),
        parked=_counted(conn, _IN_OUTBOX, of="parked"),
        due_since=notices.due_since(conn, now=now),
    )


def _counted(conn: Connection, few: Select[tuple[str]], **of: str) -> int:
    count = select(func.count()).select_from(few.subquery())
    return int(conn.execute(count, {"limit": MOST, **of}).scalar_one())
