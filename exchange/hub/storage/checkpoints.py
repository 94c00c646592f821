"""Signed heads of the log: which was named a candidate, witnessed, published; and their lines.

`log_checkpoint.note` is text and the log's own line. Every other line is a row of
`log_cosignature`, and is appended when a note is served.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from exchange.canonical import digest
from exchange.errors import NotFound
from exchange.hub.storage.log_tables import (
    log_checkpoint,
    log_cosignature,
    log_evidence,
)
from exchange.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Signed:
    """A head of the log that was signed and is durable."""

    size: int
    root: bytes
    note: bytes = field(repr=False)
    """Text and the log's own Ed25519 line."""
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One line of a head by somebody else than the log's Ed25519 key."""

    name: str
    key_id: bytes
    """4 bytes."""
    time: int
    """POSIX seconds at which it was made."""
    line: bytes = field(repr=False)
    """As in the note, with its line feed."""


_row = log_checkpoint.c
_SIGNED = select(_row.size, _row.root, _row.note, _row.signed_at)
_NEWEST = Prepared(_SIGNED.order_by(_row.size.desc()).limit(1))
_KEEP = {
    "sqlite": Prepared(sqlite.insert(log_checkpoint).on_conflict_do_nothing()),
    "postgresql": Prepared(postgresql.insert(log_checkpoint).on_conflict_do_nothing()),
}
_AT_SIZE = Prepared(_SIGNED.where(_row.size == bindparam("of", type_=BigInteger)))


def newest(conn: Connection) -> Signed | None:
    """Return the largest signed head; None before the first."""
    return _signed(_NEWEST.one(conn, {}))


def at_size(conn: Connection, size: int) -> Signed | None:
    """Return the signed head of this size, if it is kept."""
    return _signed(_AT_SIZE.one(conn, {"of": size}))


def keep(conn: Connection, head: Signed) -> None:
    """Keep a signed head; one of this size that is there already is the same one."""
    row = {
        "size": head.size,
        "root": head.root,
        "note": head.note,
        "signed_at": head.signed_at,
    }
    _KEEP[conn.dialect.name].changed(conn, row)


def newest_candidate(conn: Connection) -> tuple[Signed, datetime] | None:
    """Return the head that witnesses are asked to cosign now, and when it was named."""
    return _largest(conn, _row.candidate_at)


def mark_candidate(conn: Connection, size: int, *, at: datetime) -> None:
    """Name a signed head the one that witnesses cosign; one that was named stays so."""
    _mark(conn, _row.candidate_at, size, at)


def is_candidate(conn: Connection, size: int) -> bool:
    """Tell whether the head of this size was named a candidate and is kept."""
    query = select(_row.size).where(_row.size == size, _row.candidate_at.is_not(None))
    return conn.execute(query).first() is not None


def oldest_unpublished(conn: Connection, *, above: int) -> datetime | None:
    """Return when the first candidate above a size was named; None if there is none."""
    query = (
        select(_row.candidate_at)
        .where(_row.size > above, _row.candidate_at.is_not(None))
        .order_by(_row.size)
        .limit(1)
    )
    found: datetime | None = conn.execute(query).scalar()
    return found


def add_cosignature(conn: Connection, size: int, cosigned: Cosigned) -> None:
    """Keep a verified line; a newer one of the same key takes its place, an older one does not."""
    made = _dialect(conn).insert(log_cosignature)
    newer = log_cosignature.c.time < made.excluded.time
    key = (log_cosignature.c.size, log_cosignature.c.name, log_cosignature.c.key_id)
    renewed = {"time": made.excluded.time, "line": made.excluded.line}
    conn.execute(
        made.on_conflict_do_update(index_elements=key, set_=renewed, where=newer),
        {
            "size": size,
            "name": cosigned.name,
            "key_id": cosigned.key_id,
            "time": cosigned.time,
            "line": cosigned.line,
        },
    )


def cosignatures(conn: Connection, size: int) -> Sequence[Cosigned]:
    """Return the lines of a head by others, by name and key."""
    line = log_cosignature.c
    query = (
        select(line.name, line.key_id, line.time, line.line)
        .where(line.size == size)
        .order_by(line.name, line.key_id)
    )
    return tuple(Cosigned(*found) for found in conn.execute(query))


def has_line_of(conn: Connection, name: str) -> bool:
    """Tell whether any head has a line under this name, such as the log's own by ML-DSA-44."""
    query = select(log_cosignature.c.size).where(log_cosignature.c.name == name).limit(1)
    return conn.execute(query).first() is not None


def mark_witnessed(conn: Connection, size: int, *, at: datetime) -> bool:
    """Note that a candidate has its quorum, and publish it; False if that was known."""
    first = _mark(conn, _row.witnessed_at, size, at)
    if first:
        mark_published(conn, size, at=at)
    return first


def newest_witnessed(conn: Connection) -> tuple[Signed, datetime] | None:
    """Return the largest head with its quorum, and when it had it."""
    return _largest(conn, _row.witnessed_at)


def mark_published(conn: Connection, size: int, *, at: datetime) -> None:
    """Serve a head at `/log/checkpoint` from now on, unless a larger one is served already."""
    _mark(conn, _row.published_at, size, at)


def published(conn: Connection) -> Signed | None:
    """Return the head that `/log/checkpoint` serves; it never becomes smaller."""
    found = _largest(conn, _row.published_at)
    return None if found is None else found[0]


def served_note(conn: Connection, size: int) -> bytes:
    """Return a head as it goes out: text, the log's own line, then every other line.

    Raises:
        NotFound: no head of this size is kept.
    """
    head = at_size(conn, size)
    if head is None:
        raise NotFound
    return b"".join([head.note, *(one.line for one in cosignatures(conn, size))])


def covering(conn: Connection, index: int, *, witnessed: bool) -> bytes | None:
    """Return the note for a receipt of the entry at `index`, with every line there is.

    That of the smallest witnessed head that covers it; unless `witnessed`, that of the newest
    signed head where there is none. None: not covered yet.
    """
    query = (
        select(_row.size)
        .where(_row.size > index, _row.witnessed_at.is_not(None))
        .order_by(_row.size)
        .limit(1)
    )
    size = conn.execute(query).scalar()
    if size is None and not witnessed:
        head = newest(conn)
        size = None if head is None or head.size <= index else head.size
    return None if size is None else served_note(conn, size)


def keep_evidence(conn: Connection, note: bytes, *, at: datetime) -> None:
    """Keep a note with our own signature that the tree contradicts; no replica signs after it."""
    row = {"digest": digest(note), "found_at": at, "note": note}
    conn.execute(_dialect(conn).insert(log_evidence).on_conflict_do_nothing(), row)


_EVIDENCE = Prepared(select(log_evidence.c.note).order_by(log_evidence.c.digest))


def evidence(conn: Connection) -> tuple[bytes, ...]:
    """Return every note kept as evidence."""
    return tuple(found.note for found in _EVIDENCE.all(conn, {}))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a head when it is decided how long it is kept."""

    size: int
    signed_at: datetime
    rank: tuple[bool, bool]
    """Whether it has its quorum, and whether it was a candidate: the best of a time stays."""


def before(conn: Connection, *, at: datetime, above: int, limit: int) -> Sequence[Kept]:
    """Return heads signed before a moment, by size; never the newest one.

    Args:
        conn: of a reader.
        at: the moment.
        above: those of this size and smaller ones are left out.
        limit: how many at most.
    """
    query = (
        select(_row.size, _row.signed_at, _row.witnessed_at, _row.candidate_at)
        .where(
            _row.size > above,
            _row.size < select(func.max(_row.size)).scalar_subquery(),
            _row.signed_at < at,
        )
        .order_by(_row.size)
        .limit(limit)
    )
    return tuple(
        Kept(
            found.size,
            found.signed_at,
            (found.witnessed_at is not None, found.candidate_at is not None),
        )
        for found in conn.execute(query)
    )


def forget(conn: Connection, sizes: Collection[int]) -> None:
    """Delete heads of these sizes and their lines, but not what is candidate or served now.

    Every old head can still be proven from tiles; nobody has to ask us for its note.
    """
    current = [
        found[0].size
        for column in (_row.candidate_at, _row.published_at, _row.witnessed_at)
        if (found := _largest(conn, column)) is not None
    ]
    gone = sorted(set(sizes).difference(current))
    conn.execute(delete(log_cosignature).where(log_cosignature.c.size.in_(gone)))
    conn.execute(delete(log_checkpoint).where(_row.size.in_(gone)))


def _largest(conn: Connection, column: Column[Any]) -> tuple[Signed, datetime] | None:
    query = _SIGNED.add_columns(column.label("since"))
    found = conn.execute(query.where(column.is_not(None)).order_by(_row.size.desc()).limit(1))
    row = found.one_or_none()
    return None if row is None else (Signed(*row[:4]), row.since)


def _mark(conn: Connection, column: Column[Any], size: int, at: datetime) -> bool:
    query = update(log_checkpoint).where(_row.size == size, column.is_(None))
    return bool(conn.execute(query.values({column: at})).rowcount)


def _signed(row: Any) -> Signed | None:
    return None if row is None else Signed(row.size, row.root, row.note, row.signed_at)


def _dialect(conn: Connection) -> Any:
    return sqlite if conn.dialect.name == "sqlite" else postgresql
