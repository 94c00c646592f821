"""Entries of the log that concern one agency, for the questions of its officer.

Found by `log_reader`, where each was open to it once: whoever asks judges each of them anew with
`exchange.hub.may_open`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, literal, select, tuple_

from exchange.database import Moment
from exchange.hub.storage.log_tables import log_entry, log_event
from exchange.hub.storage.officer_tables import log_reader
from exchange.hub.storage.openings import Recorded

_EVENT = (
    log_event.c.rid,
    log_event.c.chain,
    log_event.c.n,
    log_event.c.kind,
    log_event.c.body,
    log_event.c.detail,
)


def concerning(  # noqa: PLR0913 - a range, and a page of it
    conn: Connection,
    agency: str,
    kinds: Collection[str],
    *,
    since: datetime,
    until: datetime,
    behind: tuple[datetime, int] | None,
    limit: int,
    first: int = 0,
    end: int | None = None,
) -> tuple[tuple[datetime, int, Recorded], ...]:
    """Return moment, index and event of entries of these kinds, in the order of time and index.

    Args:
        conn: may be a reader's.
        agency: whom they concern.
        kinds: of events.
        since: the first moment.
        until: the first moment that does not count.
        behind: moment and index of the last one of the page before.
        limit: most entries.
        first: entries before this one are left out.
        end: entries from this one on are left out; None leaves out none.
    """
    query = (
        select(log_reader.c.at, log_reader.c.idx, *_EVENT)
        .join_from(log_reader, log_entry, log_entry.c.idx == log_reader.c.idx)
        .join(log_event, log_event.c.rid == log_entry.c.rid)
        .where(
            log_reader.c.agency == agency,
            log_reader.c.kind.in_(sorted(kinds)),
            log_reader.c.at >= since,
            log_reader.c.at < until,
            log_reader.c.idx >= first,
        )
        .order_by(log_reader.c.at, log_reader.c.idx)
        .limit(limit)
    )
    if end is not None:
        query = query.where(log_reader.c.idx < end)
    if behind is not None:
        at, index = behind
        here = tuple_(literal(at, Moment), literal(index, BigInteger))
        query = query.where(tuple_(log_reader.c.at, log_reader.c.idx) > here)
    return _recorded(conn, query)


def between(
    conn: Connection, agency: str, kinds: Collection[str], *, first: int, end: int
) -> tuple[tuple[datetime, int, Recorded], ...]:
    """Return moment, index and event of entries between two of the log, in the order of the log.

    Args:
        conn: may be a reader's.
        agency: whom they concern.
        kinds: of events.
        first: index of the first entry.
        end: index behind the last one; not far away: so many rows are held.
    """
    # Asked by the entries alone: by the agency, SQLite would go through everything of hers.
    mine = select(log_reader.c.idx).where(
        log_reader.c.idx >= first,
        log_reader.c.idx < end,
        log_reader.c.agency.concat("") == agency,
    )
    found = sorted(conn.execute(mine).scalars())
    if not found:
        return ()
    query = (
        select(log_event.c.at, log_entry.c.idx, *_EVENT)
        .join_from(log_entry, log_event, log_event.c.rid == log_entry.c.rid)
        .where(log_entry.c.idx.in_(found), log_event.c.kind.in_(sorted(kinds)))
        .order_by(log_entry.c.idx)
    )
    return _recorded(conn, query)


def _recorded(
    conn: Connection, query: Select[*tuple[Any, ...]]
) -> tuple[tuple[datetime, int, Recorded], ...]:
    return tuple(
        (
            row.at,
            row.idx,
            Recorded(
                rid=row.rid,
                chain=row.chain,
                n=row.n or 0,
                kind=row.kind,
                body=row.body,
                detail=row.detail,
            ),
        )
        for row in conn.execute(query)
    )


def indexes(conn: Connection, rids: Collection[str]) -> dict[str, int]:
    """Return where entries stand in the log, by their names; those without a place are left out."""
    query = select(log_entry.c.rid, log_entry.c.idx).where(log_entry.c.rid.in_(sorted(rids)))
    return {row.rid: row.idx for row in conn.execute(query)}
