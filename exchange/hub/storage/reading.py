"""Which entries of the log an agency has to do with: rows for lists that stay fast, and erasable.

They are made from the entries, behind the sequencer, and say no more than those: losing them
costs time, never knowledge. How far they reach moves in the unit of work that adds them, so that
a crash leaves nothing twice and nothing out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    Subquery,
    Table,
    delete,
    exists,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import Tuple

from exchange.database import Moment
from exchange.hub.storage.log_tables import log_entry, log_event, log_pending
from exchange.hub.storage.officer_tables import log_reader, log_reader_size
from exchange.hub.storage.openings import Recorded


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands in the list of an agency."""

    at: datetime
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of the log whose event is still there."""

    place: Place
    found: Recorded

    @property
    def event(self) -> Mapping[str, Any]:
        """Return its members."""
        return self.found.event()


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """What the database looks for; None narrows nothing."""

    kind: str | None = None
    """Of events."""
    since: datetime | None = None
    """The earliest moment."""
    until: datetime | None = None
    """All that is listed came before it."""
    without: str | None = None
    """A kind of events that is left out."""


@dataclass(frozen=True, slots=True, order=True)
class Concern:
    """An entry that an agency has to do with."""

    agency: str
    index: int
    at: datetime
    kind: str


_EVENT = (
    log_event.c.rid,
    log_event.c.chain,
    log_event.c.n,
    log_event.c.kind,
    log_event.c.body,
    log_event.c.detail,
)
_COLUMNS = (log_entry.c.idx, log_event.c.at, *_EVENT)
_JOINED = select(*_COLUMNS).join_from(log_entry, log_event, log_entry.c.rid == log_event.c.rid)


def followed(conn: Connection) -> int:
    """Return how many entries have their rows; 0 before the first."""
    return conn.execute(select(log_reader_size.c.size)).scalar() or 0


def lags(conn: Connection, before: datetime) -> bool:
    """Tell whether an event from before a moment has no rows yet, or is not even in the tree."""
    # Asked of each for its event: joined, SQLite would begin with the events.
    waiting = exists(select(log_pending.c.id).where(_recorded_at(log_pending) < before))
    behind = exists(
        select(log_entry.c.idx).where(
            log_entry.c.idx >= followed(conn), _recorded_at(log_entry) < before
        )
    )
    return bool(conn.execute(select(or_(waiting, behind))).scalar())


def _recorded_at(table: Table) -> ScalarSelect[Any]:
    return (
        select(log_event.c.at)
        .where(log_event.c.rid == table.c.rid)
        .correlate(table)
        .scalar_subquery()
    )


def window(conn: Connection, first: int, end: int) -> tuple[Entry, ...]:
    """Return the events at the indexes from `first` to before `end`, in their order.

    Public documents are left out, and what was erased.
    """
    inside = (log_entry.c.idx >= first, log_entry.c.idx < end, log_event.c.chain.is_not(None))
    return _entries(conn, _JOINED.where(*inside).order_by(log_entry.c.idx))


def keep(conn: Connection, concerns: Collection[Concern], *, first: int, end: int) -> bool:
    """Add the rows of the entries from `first` to before `end`, once.

    Args:
        conn: of the unit of work.
        concerns: what a reader saw of these entries. It cannot have been erased since: nothing
            is, before its rows are here (`exchange.hub.storage.erasing`).
        first: how far the rows reach.
        end: how far they reach afterwards.

    Returns:
        False if another replica was faster; nothing has changed then.
    """
    begun = _dialect(conn).insert(log_reader_size).on_conflict_do_nothing()
    conn.execute(begun, {"id": 0, "size": 0})
    # A statement of its own: of two replicas the second waits here and finds another size.
    moved = conn.execute(
        update(log_reader_size).where(log_reader_size.c.size == first).values(size=end)
    )
    if moved.rowcount != 1:
        return False
    if concerns:
        # Some entries open an older one to somebody, again and again.
        made = _dialect(conn).insert(log_reader).on_conflict_do_nothing()
        conn.execute(made, [_row(one) for one in sorted(concerns)])
    return True


def forget(conn: Connection, indexes: Sequence[int]) -> None:
    """Delete every row of these entries: what they were is erased in the same unit of work."""
    conn.execute(delete(log_reader).where(log_reader.c.idx.in_(indexes)))


def listed(
    conn: Connection,
    agency: str,
    *,
    narrowed: Narrowed,
    behind: Place | None,
    limit: int,
    ahead: Place | None = None,
) -> tuple[Entry, ...]:
    """Return entries that an agency has to do with, the newest first; not all may be open to it.

    Args:
        conn: of a reader.
        agency: whose list it is.
        narrowed: to what.
        behind: the last place of the page before.
        limit: most entries.
        ahead: a place; those right before it in the list, instead of those behind another.
    """
    wanted = _wanted(agency, narrowed)
    if behind is not None:
        wanted.append(_place() < _value(behind))
    if ahead is not None:
        wanted.append(_place() > _value(ahead))
    order = (log_reader.c.at.desc(), log_reader.c.idx.desc())
    # Limited before it is joined: no planner reads through everybody's entries for this page.
    mine = (
        select(log_reader.c.at, log_reader.c.idx)
        .where(*wanted)
        .order_by(*(order if ahead is None else (log_reader.c.at, log_reader.c.idx)))
        .limit(limit)
        .subquery()
    )
    query = (
        select(mine.c.idx, mine.c.at, *_EVENT)
        .join_from(mine, log_entry, log_entry.c.idx == mine.c.idx)
        .join(log_event, log_event.c.rid == log_entry.c.rid)
        .order_by(mine.c.at.desc(), mine.c.idx.desc())
    )
    return _entries(conn, query)


def newest(agency: str, narrowed: Narrowed, *, limit: int) -> Subquery:
    """Return the places (`at`, `idx`) of the newest entries in an agency's list, to join with."""
    query = select(log_reader.c.at, log_reader.c.idx).where(*_wanted(agency, narrowed))
    return query.order_by(log_reader.c.at.desc(), log_reader.c.idx.desc()).limit(limit).subquery()


def of_chain(
    conn: Connection,
    chain: str,
    *,
    behind: Place | None,
    limit: int,
    ahead: Place | None = None,
) -> tuple[Entry, ...]:
    """Return entries of one chain, the newest first.

    Args:
        conn: of a reader.
        chain: its UUID.
        behind: the last place of the page before.
        limit: most entries.
        ahead: a place; those right before it in the list, instead of those behind another.
    """
    query = _JOINED.where(log_event.c.chain == chain)
    # Within a chain the order of the entries is the order of its events.
    if ahead is not None:
        query = query.where(log_entry.c.idx > ahead.index)
        return _entries(conn, query.order_by(log_event.c.n).limit(limit))[::-1]
    if behind is not None:
        query = query.where(log_entry.c.idx < behind.index)
    return _entries(conn, query.order_by(log_event.c.n.desc()).limit(limit))


def _wanted(agency: str, narrowed: Narrowed) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [log_reader.c.agency == agency]
    if narrowed.kind is not None:
        wanted.append(log_reader.c.kind == narrowed.kind)
    if narrowed.without is not None:
        wanted.append(log_reader.c.kind != narrowed.without)
    if narrowed.since is not None:
        wanted.append(log_reader.c.at >= narrowed.since)
    if narrowed.until is not None:
        wanted.append(log_reader.c.at < narrowed.until)
    return wanted


def _place() -> Tuple:
    return tuple_(log_reader.c.at, log_reader.c.idx)


def _value(place: Place) -> Tuple:
    return tuple_(literal(place.at, Moment), literal(place.index, BigInteger))


def _entries(conn: Connection, query: Select[*tuple[Any, ...]]) -> tuple[Entry, ...]:
    return tuple(_entry(row) for row in conn.execute(query))


def _entry(row: Row[*tuple[Any, ...]]) -> Entry:
    found = Recorded(
        rid=row.rid,
        chain=row.chain,
        n=row.n or 0,
        kind=row.kind,
        body=row.body,
        detail=row.detail,
    )
    return Entry(place=Place(row.at, row.idx), found=found)


def _row(concern: Concern) -> dict[str, Any]:
    return {
        "agency": concern.agency,
        "at": concern.at,
        "idx": concern.index,
        "kind": concern.kind,
    }


def _dialect(conn: Connection) -> Any:
    return sqlite if conn.dialect.name == "sqlite" else postgresql
