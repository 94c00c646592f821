"""The tree of the log in SQL: leaves that wait become entries, tiles and a root; nothing is signed.

Rows of tiles grow in place, so that every past width of a tile is the beginning of its row.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Connection,
    Integer,
    LargeBinary,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from exchange.audit import merkle
from exchange.audit.merkle import Range, leaf_hash
from exchange.errors import LogInvalid, Malformed, Unavailable
from exchange.hub.storage import log
from exchange.hub.storage.log_tables import (
    log_entry,
    log_event,
    log_pending,
    log_tile,
    log_tree,
)
from exchange.prepared import Prepared

OPENED = "opened"
"""Topic of entry 0."""
POLICY = "policy"
"""Topic of the policy file."""

_waits = log_pending.c.leaf.is_not(None)
_KEY: BindParameter[int] = bindparam("key", type_=BigInteger)
_LOCK = Prepared(select(func.pg_try_advisory_xact_lock(_KEY, type_=Boolean).label("got")))
_TREE = Prepared(select(log_tree.c.size, log_tree.c.range).where(log_tree.c.id == 0))
_HOLD = select(log_tree.c.id).where(log_tree.c.id == 0).with_for_update()
_SET = Prepared(
    update(log_tree)
    .where(log_tree.c.id == 0, log_tree.c.size == bindparam("old"))
    .values(size=bindparam("new"), range=bindparam("made"))
)
_ROW = Prepared(
    select(log_tile.c.hashes).where(
        log_tile.c.level == bindparam("of_level"), log_tile.c.n == bindparam("of_n")
    )
)
_NEW_ROW = Prepared(insert(log_tile))
# SQLite makes text of two blobs that are joined, unless it is told not to.
_GROW_ROW = Prepared(
    update(log_tile)
    .where(
        log_tile.c.level == bindparam("of_level"),
        log_tile.c.n == bindparam("of_n"),
        func.length(log_tile.c.hashes) == bindparam("bytes", type_=Integer),
    )
    .values(
        hashes=cast(log_tile.c.hashes.op("||")(bindparam("more", type_=LargeBinary)), LargeBinary)
    )
)
_ENTRY = Prepared(insert(log_entry))
_FIRST = (
    select(log_pending.c.id)
    .where(_waits)
    .order_by(log_pending.c.id)
    .limit(bindparam("batch", type_=Integer))
)
_ANY = Prepared(select(log_pending.c.id).where(_waits).limit(1))
_COUNTED = select(log_pending.c.id).where(_waits).limit(bindparam("limit", type_=Integer))
_WAITING = Prepared(select(func.count().label("waits")).select_from(_COUNTED.subquery()))
_LAST = Prepared(select(func.max(_FIRST.subquery().c.id).label("id")))
_INDEX = select(log_entry.c.idx).where(log_entry.c.rid == bindparam("of"))
_LEAVES = Prepared(
    select(log_entry.c.leaf)
    .where(
        log_entry.c.idx >= bindparam("first", type_=BigInteger),
        log_entry.c.idx < bindparam("end", type_=BigInteger),
    )
    .order_by(log_entry.c.idx)
)
_NEWEST_POLICY = (
    select(log_event.c.body)
    .outerjoin(log_entry, log_entry.c.rid == log_event.c.rid)
    .outerjoin(log_pending, log_pending.c.rid == log_event.c.rid)
    .where(log_event.c.document.is_not(None), log_event.c.kind == POLICY)
    # What waits for the tree comes behind all that is in it.
    .order_by(log_entry.c.idx.is_(None).desc(), log_pending.c.id.desc(), log_entry.c.idx.desc())
    .limit(1)
)


def _numbered(waiting: Any) -> Any:
    """Return index, leaf and name of each waiting row, counted from `size` in their order."""
    index = bindparam("size", type_=BigInteger) - 1 + func.row_number().over(order_by=waiting.c.id)
    return select(index, waiting.c.leaf, waiting.c.rid)


def _moving(waiting: Any) -> Any:
    columns = (log_entry.c.idx, log_entry.c.leaf, log_entry.c.rid)
    return insert(log_entry).from_select(columns, _numbered(waiting))


def _move_at_once() -> Prepared:
    """Return what turns waiting rows into entries in one statement, for PostgreSQL.

    The rows that are deleted are the ones that become entries, whatever is committed meanwhile:
    numbers are given before a transaction commits, so a smaller one may still come.
    """
    gone = (
        delete(log_pending)
        .where(log_pending.c.id.in_(_FIRST))
        .returning(log_pending.c.id, log_pending.c.leaf, log_pending.c.rid)
        .cte("gone")
    )
    return Prepared(_moving(gone).add_cte(gone).returning(log_entry.c.idx, log_entry.c.leaf))


def _copy_up_to() -> Prepared:
    """Return the first of the two statements that do so on SQLite, where nobody else writes."""
    upto = log_pending.c.id <= bindparam("last", type_=BigInteger)
    waiting = (
        select(log_pending.c.id, log_pending.c.leaf, log_pending.c.rid)
        .where(_waits, upto)
        .subquery()
    )
    return Prepared(_moving(waiting).returning(log_entry.c.idx, log_entry.c.leaf))


_MOVE = _move_at_once()
_COPY = _copy_up_to()
_GONE = Prepared(
    delete(log_pending).where(_waits, log_pending.c.id <= bindparam("last", type_=BigInteger))
)


def lock_of(origin: str) -> int:
    """Return the key of the advisory lock under which the log `origin` grows; plus 1: is named."""
    hashed = hashlib.sha256(b"consent-log/v1 lock\n" + origin.encode()).digest()
    return int.from_bytes(hashed[:8], "big", signed=True)


def locked(conn: Connection, key: int) -> bool:
    """Take an advisory lock until the transaction ends; False if another replica has it.

    On SQLite nobody else writes.
    """
    if conn.dialect.name == "sqlite":
        return True
    found = _LOCK.one(conn, {"key": key})
    return found is not None and bool(found.got)


def append(conn: Connection, *, lock: int, opened: bytes, batch: int, at: datetime) -> int | None:
    """Move waiting leaves into the tree, and return how many; None if another replica does it.

    One transaction: after a crash in it the leaves wait as before.

    Args:
        conn: of the unit of work.
        lock: key of the advisory lock, from `lock_of`.
        opened: the document that is entry 0 of a log that is empty.
        batch: leaves at most.
        at: hub time, of entry 0.

    Raises:
        Unavailable: another sequencer was faster, or a row is not as long as the tree says.
        Malformed: the tree's own row cannot be.
    """
    if not locked(conn, lock):
        return None
    before = tree(conn)
    entries = [] if before.size else [_open(conn, opened, at)]
    first = before.size + len(entries)
    entries += _moved(conn, first, batch)
    if entries:
        _grow(conn, before, map(leaf_hash, entries))
    return len(entries)


def extend(conn: Connection, rows: Sequence[tuple[bytes, str | None]]) -> int:
    """Append leaves of another copy of this log, each with its event if there is one.

    Args:
        conn: of the unit of work, which checks the root against a signed head.
        rows: leaf and name of its event, in the order of the log.

    Returns:
        The size of the tree afterwards.
    """
    before = tree(conn)
    entries = [
        {"idx": index, "leaf": leaf, "rid": rid}
        for index, (leaf, rid) in enumerate(rows, before.size)
    ]
    conn.execute(insert(log_entry), entries)
    _grow(conn, before, (leaf_hash(leaf) for leaf, _ in rows))
    return before.size + len(rows)


def record_policy(conn: Connection, text: bytes, at: datetime) -> bool:
    """Record the policy file as a public document if it is not the newest one; True if so.

    Replicas that start at once wait for each other here.
    """
    conn.execute(_HOLD).all()
    if conn.execute(_NEWEST_POLICY).scalar() == text:
        return False
    log.record_document(conn, POLICY, text, at)
    return True


def tree(conn: Connection) -> Range:
    """Return size and hashes of the tree.

    Raises:
        Malformed: there is no such tree.
    """
    row = _TREE.one(conn, {})
    if row is None:
        raise Malformed("the log has no tree")
    return merkle.read_range(row.size, row.range)


def any_waits(conn: Connection) -> bool:
    """Tell whether a leaf waits for the tree."""
    return _ANY.one(conn, {}) is not None


def waiting(conn: Connection, *, limit: int) -> int:
    """Return how many leaves wait for the tree, counted up to a limit."""
    found = _WAITING.one(conn, {"limit": limit})
    return 0 if found is None else int(found.waits)


def row(conn: Connection, level: int, n: int) -> bytes:
    """Return the hashes of tile `n` at `level`, as many as there are; empty if none."""
    found = _ROW.one(conn, {"of_level": level, "of_n": n})
    return b"" if found is None else bytes(found.hashes)


def reader(conn: Connection) -> Callable[[int, int], bytes]:
    """Return what reads rows of tiles over `conn` for `exchange.audit.merkle`, each once."""
    known: dict[tuple[int, int], bytes] = {}

    def read(level: int, n: int) -> bytes:
        if (level, n) not in known:
            known[level, n] = row(conn, level, n)
        return known[level, n]

    return read


def root_at(conn: Connection, size: int) -> bytes:
    """Return the root of the tree at a past size, computed from the rows of tiles.

    Raises:
        LogInvalid: a row is too short for a tree of this size.
    """
    return merkle.range_hash(reader(conn), 0, size) if size else merkle.EMPTY_ROOT


def continues(conn: Connection, size: int, root: bytes) -> bool:
    """Tell whether the tree begins with the one of this size and root."""
    if tree(conn).size < size:
        return False
    try:
        return root_at(conn, size) == root
    except LogInvalid:  # rows are missing: whatever was signed over them, it is not here
        return False


def leaves(conn: Connection, first: int, count: int) -> list[bytes]:
    """Return the leaves of the entries from index `first` on, `count` at most."""
    return [found.leaf for found in _LEAVES.all(conn, {"first": first, "end": first + count})]


def index_of(conn: Connection, rid: str) -> int | None:
    """Return the index of the entry that a receipt names; None while it waits, or if unknown."""
    found: int | None = conn.execute(_INDEX, {"of": rid}).scalar()
    return found


def _open(conn: Connection, opened: bytes, at: datetime) -> bytes:
    """Make the first entry of an empty log: what was recorded before comes behind it."""
    rid = log.record_document(conn, OPENED, opened, at).rid
    mine = log_pending.c.rid == rid
    leaf: bytes = conn.execute(select(log_pending.c.leaf).where(mine)).scalar_one()
    conn.execute(delete(log_pending).where(mine))
    _ENTRY.changed(conn, {"idx": 0, "leaf": leaf, "rid": rid})
    return leaf


def _moved(conn: Connection, first: int, batch: int) -> list[bytes]:
    """Turn waiting rows into entries from index `first` on, and return their leaves in order."""
    if conn.dialect.name == "sqlite":
        last = _LAST.one(conn, {"batch": batch})
        if last is None or last.id is None:
            return []
        moved = _COPY.all(conn, {"size": first, "last": last.id})
        _GONE.changed(conn, {"last": last.id})
    else:
        moved = _MOVE.all(conn, {"size": first, "batch": batch})
    moved.sort()  # what a statement returns has no order
    return [entry.leaf for entry in moved]


def _grow(conn: Connection, before: Range, hashes: Iterable[bytes]) -> None:
    """Write tiles and tree; each row must be as long as the tree says, or nothing happens."""
    grown = merkle.append(before, hashes)
    for piece in merkle.pieces(grown):
        place = {"of_level": piece.level, "of_n": piece.n}
        if not piece.offset:
            _NEW_ROW.changed(conn, {"level": piece.level, "n": piece.n, "hashes": piece.hashes})
        elif not _GROW_ROW.changed(
            conn, {**place, "bytes": piece.offset * merkle.HASH_SIZE, "more": piece.hashes}
        ):
            raise Unavailable("a tile of the log has another length than its tree says")
    after = {"made": merkle.encode_range(grown.range), "new": grown.range.size}
    if not _SET.changed(conn, {"old": before.size, **after}):
        raise Unavailable("another sequencer was faster")
