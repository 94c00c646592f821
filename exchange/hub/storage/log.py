"""The log inside a business transaction: an event, its number, and a leaf that waits for the tree.

Nothing here touches the tree: requests never wait for each other on the log. Keys of chains come
from the vault before the unit of work; no key and no salt is ever stored in this database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import uuid4

from sqlalchemy import Connection, bindparam, func, insert, literal_column, select, update

from exchange.audit import event as events
from exchange.audit import leaf
from exchange.audit.event import Event
from exchange.canonical import digest as digest_of
from exchange.errors import Unavailable
from exchange.hub.storage.log_tables import (
    log_chain,
    log_entry,
    log_event,
    log_pending,
)
from exchange.prepared import Prepared

Kind = Literal["consent", "agreement", "agency", "hub"]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of events and the key from which its leaves are made."""

    uuid: str
    key: bytes | None = field(repr=False)
    """32 bytes; None while the vault is away, for what may not wait for it."""
    single: bool = False
    """A chain of one event: a refusal that belongs to no consent."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in the log's queue."""

    rid: str
    """Name of its receipt."""
    n: int
    """Its number in its chain."""


_NEXT = Prepared(
    update(log_chain)
    .where(log_chain.c.chain == bindparam("of"))
    .values(next_n=log_chain.c.next_n + 1)
    .returning(log_chain.c.next_n, log_chain.c.deferred)
)
_EVENT = Prepared(insert(log_event))
_PENDING = Prepared(insert(log_pending))
_DOCUMENT = Prepared(
    select(log_event.c.rid)
    # Named twice: the index holds documents only, and the planner wants to be told.
    .where(log_event.c.document == bindparam("of"), log_event.c.document.is_not(None))
    .order_by(log_event.c.at.desc(), log_event.c.rid)
    .limit(1)
)
_DEFER = (
    update(log_chain)
    .where(log_chain.c.chain == bindparam("of"))
    .values(deferred=log_chain.c.deferred + 1)
)
_LOCK = select(log_chain.c.chain).where(log_chain.c.chain == bindparam("of")).with_for_update()
_FILLED = update(log_chain).where(log_chain.c.chain == bindparam("of")).values(deferred=0)
_WAITING = (
    select(log_pending.c.id, log_event.c.rid, log_event.c.n, log_event.c.body, log_event.c.detail)
    .join_from(log_pending, log_event)
    .where(log_pending.c.leaf.is_(None), log_event.c.chain == bindparam("of"))
    .order_by(log_pending.c.id)
)
_FILL_PENDING = (
    update(log_pending).where(log_pending.c.id == bindparam("row")).values(leaf=bindparam("leaf"))
)
_FILL_EVENT = (
    update(log_event).where(log_event.c.rid == bindparam("of")).values(body=bindparam("body"))
)


def open_chain(conn: Connection, chain: str, kind: Kind) -> None:
    """Begin a chain; its first event gets number 0."""
    conn.execute(insert(log_chain), {"chain": chain, "kind": kind})


def name() -> str:
    """Return the name of an entry that is about to be recorded: its row may be written first."""
    return str(uuid4())


def record(conn: Connection, chain: Chain, event: Event, *, rid: str | None = None) -> Recorded:
    """Record what this unit of work does: event, number and pending leaf commit with it.

    A refusal on a single chain takes the same statements as one on a consent's chain, so that
    neither time nor the growth of the log tells the two apart.

    Args:
        conn: of the unit of work.
        chain: its key was read from the vault before; without one the leaf is deferred.
        event: what happened.
        rid: from `name`, where the row that the event is about names its receipt.

    Raises:
        Unavailable: the chain is not, or no longer, in the log.
    """
    row = _NEXT.one(conn, {"of": chain.uuid})
    if row is None and not chain.single:
        raise Unavailable("this chain of the log has not begun")
    n, deferred = (row.next_n - 1, row.deferred) if row is not None else (0, 0)
    if deferred and chain.key is not None:
        fill_deferred(conn, chain)  # the earlier events of a chain get their leaves first
    rid = rid or name()
    body, made = _made(chain, n, rid, event)
    _EVENT.changed(
        conn,
        {
            "rid": rid,
            "chain": chain.uuid,
            "n": n,
            "kind": event.kind,
            "at": event.at,
            "document": None,
            "body": body,
            "detail": event.detail,
        },
    )
    _PENDING.changed(conn, {"rid": rid, "leaf": made})
    if made is None:
        conn.execute(_DEFER, {"of": chain.uuid})
    return Recorded(rid, n)


def _made(chain: Chain, n: int, rid: str, event: Event) -> tuple[bytes, bytes | None]:
    """Return the bytes of the event and its leaf; without a key no leaf and no commitment yet."""
    if chain.key is None:
        # A stand-in of the right form: `fill_deferred` puts the commitment in its place.
        stand_in = None if event.detail is None else "A" * 43
        return events.encode_event(event, rid=rid, detail=stand_in), None
    committed = None if event.detail is None else leaf.detail_commitment(chain.key, n, event.detail)
    body = events.encode_event(event, rid=rid, detail=committed)
    return body, leaf.event_leaf(chain.key, n, body)


def lock(conn: Connection, chain: Chain) -> None:
    """Lock a chain: to what the same unit reads of it afterwards, nobody adds meanwhile."""
    conn.execute(_LOCK, {"of": chain.uuid}).all()


def fill_deferred(conn: Connection, chain: Chain) -> int:
    """Make the leaves of a chain that were deferred, and return how many there were.

    Raises:
        Unavailable: the chain comes without its key.
    """
    if chain.key is None:
        raise Unavailable("the vault has not answered")
    lock(conn, chain)  # before it is read: a leaf that is deferred meanwhile would be forgotten
    rows = conn.execute(_WAITING, {"of": chain.uuid}).all()
    for row in rows:
        body = row.body
        if row.detail is not None:
            committed = leaf.detail_commitment(chain.key, row.n, row.detail)
            body = events.with_detail(body, committed)
            conn.execute(_FILL_EVENT, {"of": row.rid, "body": body})
        made = leaf.event_leaf(chain.key, row.n, body)
        conn.execute(_FILL_PENDING, {"row": row.id, "leaf": made})
    conn.execute(_FILLED, {"of": chain.uuid})
    return len(rows)


def deferred_chains(conn: Connection, *, limit: int) -> tuple[str, ...]:
    """Return chains with leaves that wait for the vault; the sweeper fills them when it is back."""
    # The figure stands in the statement, as in the index of these few.
    deferred = log_chain.c.deferred > literal_column("0")
    query = select(log_chain.c.chain).where(deferred).limit(limit)
    return tuple(conn.execute(query).scalars())


def record_document(conn: Connection, topic: str, document: bytes, at: datetime) -> Recorded:
    """Record a public document, such as a key statement under `key-statement/<agency>`.

    Args:
        conn: of the unit of work.
        topic: ASCII.
        document: the exact bytes; anybody may fetch them.
        at: hub time.
    """
    rid = name()
    _EVENT.changed(
        conn,
        {
            "rid": rid,
            "chain": None,
            "n": None,
            "kind": topic,
            "at": at,
            "document": digest_of(document),
            "body": document,
            "detail": None,
        },
    )
    _PENDING.changed(conn, {"rid": rid, "leaf": leaf.document_leaf(topic, document)})
    return Recorded(rid, 0)


def document_receipt(conn: Connection, digest: str) -> str | None:
    """Return the name of the entry of a public document, by its digest; the newest of several."""
    row = _DOCUMENT.one(conn, {"of": digest})
    found: str | None = None if row is None else row.rid
    return found


def document(conn: Connection, digest: str) -> bytes | None:
    """Return a public document by its digest, once it is an entry of the tree."""
    query = (
        select(log_event.c.body)
        .join_from(log_event, log_entry, log_entry.c.rid == log_event.c.rid)
        .where(log_event.c.document == digest, log_event.c.document.is_not(None))
        .limit(1)
    )
    return conn.execute(query).scalar()


def pending(conn: Connection) -> int:
    """Return how many leaves wait for the tree; beyond a limit nothing more is disclosed."""
    return conn.execute(select(func.count()).select_from(log_pending)).scalar_one()


def known_chains(conn: Connection, chains: tuple[str, ...]) -> frozenset[str]:
    """Return those of `chains` that the log knows; the vault may forget the keys of the others."""
    begun = select(log_chain.c.chain).where(log_chain.c.chain.in_(chains))
    used = select(log_event.c.chain).where(log_event.c.chain.in_(chains))
    return frozenset(conn.execute(begun.union(used)).scalars())


def keyed(keys: Mapping[str, Chain], chain: str) -> Chain:
    """Return the chain with its key if the vault gave it, else without: its leaf is deferred."""
    return keys.get(chain, Chain(chain, None))
