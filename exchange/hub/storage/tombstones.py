"""Tombstones: once a month the log says which of its entries open to nobody any more.

Many chains at a time: the tombstone of one person alone would tie her entries together. The
documents are for agencies and auditors, never public.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, update

from exchange.audit import event
from exchange.audit.spans import spans_of
from exchange.audit.tombstone import SALT_SIZE, write_tombstone
from exchange.canonical import b64u
from exchange.days import day_of
from exchange.hub.storage import log
from exchange.hub.storage.log import Chain
from exchange.hub.storage.log_tables import (
    log_chain,
    log_erased,
    log_erasing,
    log_tombstone,
)

HUB_CHAIN: Final = "00000000-0000-4000-8000-000000000000"
"""The chain of what the hub does on its own; its key is drawn by the vault as every other."""
FEWEST: Final = 10
"""Chains in one tombstone; with fewer it waits for the next month."""
MOST_MONTHS: Final = 3
"""How many months it waits at most."""
MOST_INDEXES: Final = 10_000
"""Entries in one document, so that a unit of work stays short: a year's end brings many."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A tombstone of which the log has the digest."""

    digest: str
    made_at: datetime


_NAMED = (
    update(log_erased)
    .where(
        log_erased.c.tombstone.is_(None),
        log_erased.c.idx.between(bindparam("first"), bindparam("last")),
    )
    .values(tombstone=bindparam("digest_of"))
)


def is_due(conn: Connection, now: datetime) -> bool:
    """Tell whether a tombstone is to be made.

    Not before the month in which the first of its chains was erased is over, and not while the
    vault has still to forget a key: what a tombstone names is gone.
    """
    chains, first = conn.execute(
        select(func.count(), func.min(log_erasing.c.erased_at)).where(
            log_erasing.c.erased_at.is_not(None)
        )
    ).one()
    if (
        not chains
        or conn.execute(select(exists().where(log_erasing.c.erased_at.is_(None)))).scalar()
    ):
        return False
    waited = _months(now) - _months(first)
    return waited > MOST_MONTHS or (waited > 0 and chains >= FEWEST)


def make(conn: Connection, chain: Chain, *, at: datetime) -> bool:
    """Make the next document of a tombstone that is due; False when there is nothing more.

    Document, `erased` event and the note at each entry commit together.

    Args:
        conn: of the unit of work.
        chain: the hub's, with its key.
        at: hub time.
    """
    _begin_chain(conn)
    if not is_due(conn, at):
        return False
    waiting = log_erased.c.tombstone.is_(None)
    total = conn.execute(select(func.count()).select_from(log_erased).where(waiting)).scalar_one()
    # Parts of one size: the rest of a division could be the entries of one person.
    parts = -(-total // MOST_INDEXES)
    if parts:
        size = -(-total // parts)
        query = select(log_erased.c.idx).where(waiting).order_by(log_erased.c.idx).limit(size)
        _keep(conn, chain, conn.execute(query).scalars().all(), at)
    if parts > 1:
        return True
    conn.execute(delete(log_erasing).where(log_erasing.c.erased_at.is_not(None)))
    return False


def listed(conn: Connection, *, after: str | None, limit: int) -> tuple[Listed, ...]:
    """Return tombstones in the order of their digests, from behind the digest `after`."""
    query = (
        select(log_tombstone.c.digest, log_tombstone.c.made_at)
        .where(log_tombstone.c.digest > (after or ""))
        .order_by(log_tombstone.c.digest)
        .limit(limit)
    )
    return tuple(Listed(row.digest, row.made_at) for row in conn.execute(query))


def document(conn: Connection, digest: str) -> bytes | None:
    """Return the document with this digest, or None."""
    query = select(log_tombstone.c.document).where(log_tombstone.c.digest == digest)
    return conn.execute(query).scalar()


def pending(conn: Connection) -> int:
    """Return how many entries were erased that no tombstone names yet."""
    query = select(func.count()).select_from(log_erased).where(log_erased.c.tombstone.is_(None))
    return conn.execute(query).scalar_one()


def _begin_chain(conn: Connection) -> None:
    """Lock the hub's chain, so that one unit at a time makes a tombstone; begin it if need be."""
    mine = select(log_chain.c.chain).where(log_chain.c.chain == HUB_CHAIN).with_for_update()
    if conn.execute(mine).scalar() is None:
        # Of two replicas that begin it at once the second is undone, and comes back next round.
        log.open_chain(conn, HUB_CHAIN, "hub")


def _keep(conn: Connection, chain: Chain, indexes: Sequence[int], at: datetime) -> None:
    made = write_tombstone(secrets.token_bytes(SALT_SIZE), indexes)
    digest = b64u(hashlib.sha256(made).digest())
    conn.execute(insert(log_tombstone), {"digest": digest, "made_at": at, "document": made})
    # Span by span: another replica may erase an entry between two of these just now.
    spans = [{"digest_of": digest, "first": one, "last": end} for one, end in spans_of(indexes)]
    conn.execute(_NAMED, spans)
    log.record(conn, chain, event.erased(at=at, count=len(indexes), document=digest))


def _months(moment: datetime) -> int:
    """Return the number of a moment's month, as people count months here."""
    day = day_of(moment)
    return day.year * 12 + day.month
