"""What a database that came from a backup learns again of the log, in one unit of work.

Entries are leaves: of most the database knows only that they exist. A chain that has more of
them than it has events has a history that nobody here knows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from exchange.canonical import digest
from exchange.hub.storage.log import Kind
from exchange.hub.storage.log_tables import (
    log_chain,
    log_event,
    log_pending,
)
from exchange.hub.storage.tables import (
    agreements,
    consents,
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A chain as this database knows it."""

    uuid: str
    kind: Kind
    first: int
    """The number of its first event that is not in the tree, or of its next one."""
    next_n: int
    """The number of its next event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an entry stands for, shown by who has a copy."""

    rid: str
    """Name of its receipt."""
    kind: str
    """Of the event, or the topic of a public document."""
    at: datetime
    body: bytes
    chain: str | None = None
    """Of an event; None for a document."""
    n: int | None = None
    detail: bytes | None = field(default=None, repr=False)
    """Canonical JSON behind the member `detail` of an event, where it was shown as well."""


AT_ONCE = 500
"""Chains named in one statement."""
_RAISE = (
    update(log_chain)
    .where(log_chain.c.chain == bindparam("of"), log_chain.c.next_n < bindparam("behind"))
    .values(next_n=bindparam("behind"))
)
_WAITING = (
    select(log_event.c.rid)
    .join_from(log_pending, log_event, log_event.c.rid == log_pending.c.rid)
    .where(log_event.c.chain == bindparam("of"))
    .order_by(log_event.c.n)
)
_TAKE = (
    update(log_chain)
    .where(log_chain.c.chain == bindparam("of"))
    .values(
        next_n=log_chain.c.next_n + bindparam("count"),
        deferred=log_chain.c.deferred + bindparam("count"),
    )
    .returning(log_chain.c.next_n)
)
_NUMBER = update(log_event).where(log_event.c.rid == bindparam("of")).values(n=bindparam("new"))
_DEFER = update(log_pending).where(log_pending.c.rid == bindparam("of")).values(leaf=None)


def chains(conn: Connection, *, after: str, limit: int) -> tuple[Begun, ...]:
    """Return chains behind `after`, in their order."""
    waits = (
        select(func.min(log_event.c.n))
        .join_from(log_pending, log_event, log_event.c.rid == log_pending.c.rid)
        .where(log_event.c.chain == log_chain.c.chain)
        .scalar_subquery()
    )
    first = func.coalesce(waits, log_chain.c.next_n)
    query = (
        select(log_chain.c.chain, log_chain.c.kind, first.label("first"), log_chain.c.next_n)
        .where(log_chain.c.chain > after)
        .order_by(log_chain.c.chain)
        .limit(limit)
    )
    return tuple(Begun(row.chain, row.kind, row.first, row.next_n) for row in conn.execute(query))


def waiting(conn: Connection) -> dict[bytes, str]:
    """Return the names of the leaves that wait for the tree; those of the vault have none yet."""
    query = select(log_pending.c.leaf, log_pending.c.rid).where(log_pending.c.leaf.is_not(None))
    return {bytes(row.leaf): row.rid for row in conn.execute(query)}


def sequenced(conn: Connection, names: Collection[str]) -> None:
    """Note that these leaves are in the tree, and wait no more."""
    for name in names:
        conn.execute(delete(log_pending).where(log_pending.c.rid == name))


def learn(conn: Connection, known: Sequence[Known]) -> None:
    """Keep events and documents that the log has and this database did not."""
    rows = [
        {
            "rid": one.rid,
            "chain": one.chain,
            "n": one.n,
            "kind": one.kind,
            "at": one.at,
            "document": digest(one.body) if one.chain is None else None,
            "body": one.body,
            "detail": one.detail,
        }
        for one in known
    ]
    if rows:
        conn.execute(insert(log_event), rows)


def raise_numbers(conn: Connection, behind: Mapping[str, int]) -> None:
    """Let the next event of each chain have at least this number: none is used twice.

    What waits for the tree was recorded while nobody here knew of the others, and may have their
    numbers. It gets new ones, and its leaves are made when the hub runs again.
    """
    for chain, n in sorted(behind.items()):
        conn.execute(_RAISE, {"of": chain, "behind": n})
        names = conn.execute(_WAITING, {"of": chain}).scalars().all()
        ends = conn.execute(_TAKE, {"of": chain, "count": len(names)}).scalar_one()
        for new, name in enumerate(names, ends - len(names)):
            conn.execute(_NUMBER, {"of": name, "new": new})
            conn.execute(_DEFER, {"of": name})


def consents_of(conn: Connection, found: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return (chain, digest) of the consents on these chains, in the order of their digests."""
    return _on(conn, consents, found)


def agreements_of(conn: Connection, found: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return (chain, digest) of the agreements on these chains, in the order of their digests."""
    return _on(conn, agreements, found)


def _on(conn: Connection, table: Table, chains_: Collection[str]) -> tuple[tuple[str, str], ...]:
    query = select(table.c.digest, table.c.chain).where(
        table.c.chain.in_(bindparam("page", expanding=True))
    )
    named = sorted(chains_)
    rows: list[tuple[str, str]] = []
    for first in range(0, len(named), AT_ONCE):
        found = conn.execute(query, {"page": named[first : first + AT_ONCE]})
        rows += [(row.digest, row.chain) for row in found]
    # Whoever locks several consents does it in this order.
    return tuple((chain, digest) for digest, chain in sorted(rows))
