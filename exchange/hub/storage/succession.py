"""Closes the log of this database and lets another one begin, in one unit of work.

Entries that the database knows are queued again in their order: whoever looks into the new log
alone finds every consent that holds, with the same leaf as before.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from exchange.database import take_time
from exchange.hub.storage import tree
from exchange.hub.storage.log_tables import (
    EXTRA,
    log_chain,
    log_checkpoint,
    log_cosignature,
    log_entry,
    log_erased,
    log_event,
    log_evidence,
    log_pending,
    log_tile,
    log_tree,
)
from exchange.hub.storage.officer_tables import log_reader, log_reader_size
from exchange.hub.storage.tables import consents

SKIPPED = 512
"""Numbers that each chain leaves out: events that were lost may have had them."""
PAGE = 1000
"""Entries read at once."""
STAYS = "CREATE TRIGGER log_entry_stays BEFORE DELETE"
"""Beginning of what makes the trigger that lets no entry go."""
UNFASTENED = {
    "sqlite": "DROP TRIGGER log_entry_stays",
    "postgresql": "DROP TRIGGER log_entry_stays ON log_entry",
}
"""What takes that trigger away, by dialect."""


def active(conn: Connection, *, limit: int) -> tuple[tuple[str, str], ...]:
    """Return (chain, digest) of some consents that have not ended."""
    query = select(consents.c.chain, consents.c.digest).where(consents.c.ended_at.is_(None))
    rows = conn.execute(query.order_by(consents.c.digest).limit(limit))
    return tuple((row.chain, row.digest) for row in rows)


def begin_anew(conn: Connection, *, skip: bool) -> int:
    """Empty the tree and queue what is known of its entries; return how many those are.

    Args:
        conn: of the unit of work, as a role that may change tables; nobody sequences meanwhile.
        skip: whether numbers of lost events are left out.
    """
    take_time(conn)
    waiting = conn.execute(
        select(log_pending.c.rid, log_pending.c.leaf).order_by(log_pending.c.id)
    ).all()
    conn.execute(delete(log_pending))
    queued = 0
    for page in _entries(conn):
        conn.execute(insert(log_pending), page)
        queued += len(page)
    if waiting:
        conn.execute(insert(log_pending), [{"rid": row.rid, "leaf": row.leaf} for row in waiting])
    _empty(conn)
    if skip:
        conn.execute(update(log_chain).values(next_n=log_chain.c.next_n + SKIPPED))
    return queued


def _entries(conn: Connection) -> Iterator[list[dict[str, Any]]]:
    """Yield entries whose event is known; what spoke of the closed log itself stays behind."""
    after = -1
    query = (
        select(log_entry.c.idx, log_entry.c.rid, log_entry.c.leaf)
        .join_from(log_entry, log_event, log_event.c.rid == log_entry.c.rid)
        .where(log_event.c.chain.is_not(None) | log_event.c.kind.not_in((tree.OPENED, tree.POLICY)))
        .order_by(log_entry.c.idx)
        .limit(PAGE)
    )
    while page := conn.execute(query.where(log_entry.c.idx > after)).all():
        yield [{"rid": row.rid, "leaf": row.leaf} for row in page]
        after = page[-1].idx


def _empty(conn: Connection) -> None:
    """Empty the tables of the tree and of the lists; entries go in this unit of work only."""
    conn.exec_driver_sql(UNFASTENED[conn.dialect.name])
    for table in (log_entry, log_tile, log_checkpoint, log_cosignature, log_evidence, log_erased):
        conn.execute(delete(table))
    # In the new log the entries have other indexes: it is followed from its beginning.
    for table in (log_reader, log_reader_size):
        conn.execute(delete(table))
    for statement in EXTRA[conn.dialect.name]:
        if statement.startswith(STAYS):
            conn.exec_driver_sql(statement)
    conn.execute(update(log_tree).values(size=0, range=b""))
