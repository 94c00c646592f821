"""Document requests: who asked whom for what, until when; the sealed part only while it is open.

What became of one is in no column that its asker is shown: open until the deadline, then closed.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from exchange.errors import Conflict
from exchange.hub.storage.disclosures import next_number
from exchange.hub.storage.tables import requests
from exchange.prepared import Prepared
from exchange.statement import Verified
from exchange.wire.request import DocumentRequest

Role = Literal["asked", "asking"]
"""How a list is narrowed: to what the caller was asked, or what it asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A document request as one of its two agencies may see it."""

    id: str
    digest: str
    agency: str
    """Who asks."""
    asked: str
    agreement: str
    consent: str | None
    purpose: str
    categories: tuple[str, ...]
    deadline: datetime
    made_at: datetime
    number: int
    """Its place in the inbox of the asked agency; never shown."""
    statement: bytes | None = field(repr=False)
    """As received, for the asked agency alone: the asker must not see it go with an answer."""
    receipt: str | None
    """Name of the entry that records it."""


_ANSWERED = Prepared(
    update(requests)
    .where(requests.c.digest == bindparam("of"), requests.c.answered_at.is_(None))
    .values(answered_at=bindparam("at"), statement=None)
)
_ANSWERABLE = Prepared(
    select(requests.c.agency).where(
        requests.c.digest == bindparam("of"), requests.c.asked == bindparam("sender")
    )
)


def known(conn: Connection, id: str, digest: str, caller: str) -> Request | None:  # noqa: A002
    """Return the request that this very statement has made, or None.

    Raises:
        Conflict: the id was used for another statement.
    """
    row = conn.execute(select(requests).where(requests.c.id == id)).one_or_none()
    if row is None:
        return None
    if row.digest != digest:
        raise Conflict
    return _seen(row, caller)


def add(
    conn: Connection, request: DocumentRequest, verified: Verified, *, at: datetime, receipt: str
) -> Request:
    """Store a request and put it into the inbox of the asked agency.

    Args:
        conn: of the unit of work; the log and the notice are the caller's, in the same one.
        request: checked.
        verified: the statement it was read from.
        at: hub time.
        receipt: name of the entry that records it.

    Raises:
        Unavailable: the asked agency was suspended in the meantime.
    """
    made = insert(requests).returning(requests)
    row = conn.execute(
        made,
        {
            "id": request.id,
            "digest": verified.digest,
            "agency": request.agency,
            "asked": request.to,
            "agreement": request.agreement,
            "consent": request.consent,
            "purpose": request.purpose,
            "categories": ",".join(sorted(request.categories)),
            "deadline": request.deadline,
            "made_at": at,
            "number": next_number(conn, request.to),
            "statement": verified.statement,
            "receipt": receipt,
        },
    ).one()
    return _seen(row, request.agency)


def find(conn: Connection, id: str, caller: str) -> Request | None:  # noqa: A002
    """Return a request to one of its two agencies; absent and another's are both None."""
    query = select(requests).where(requests.c.id == id, _of(caller, None))
    row = conn.execute(query).one_or_none()
    return None if row is None else _seen(row, caller)


def listed(
    conn: Connection,
    caller: str,
    *,
    role: Role | None,
    open_at: datetime | None,
    after: str | None,
    limit: int,
) -> tuple[Request, ...]:
    """Return requests of `caller` in the order of their ids, from behind `after`.

    Args:
        conn: may be a reader's.
        caller: one of the two agencies.
        role: which of the two; None for both.
        open_at: only those whose deadline lies behind this moment; None for all.
        after: id of the last one of the page before.
        limit: most rows.
    """
    is_open = true() if open_at is None else requests.c.deadline > open_at
    query = (
        select(requests)
        .where(_of(caller, role), is_open, requests.c.id > (after or ""))
        .order_by(requests.c.id)
        .limit(limit)
    )
    return tuple(_seen(row, caller) for row in conn.execute(query))


def waiting(
    conn: Connection, caller: str, *, after: int, limit: int, now: datetime
) -> tuple[Request, ...]:
    """Return what waits for an answer of `caller`, in the order it came, behind a place."""
    query = (
        select(requests)
        .where(
            requests.c.asked == caller,
            requests.c.number > after,
            requests.c.answered_at.is_(None),
            requests.c.deadline > now,
        )
        .order_by(requests.c.number)
        .limit(limit)
    )
    return tuple(_seen(row, caller) for row in conn.execute(query))


def open_of(conn: Connection, caller: str, *, now: datetime) -> int:
    """Return how many requests of `caller` are open."""
    query = select(func.count()).where(requests.c.agency == caller, requests.c.deadline > now)
    return conn.execute(query).scalar_one()


def is_answered_by(conn: Connection, digest: str, sender: str, recipients: Collection[str]) -> bool:
    """Tell whether a disclosure may name a request: its sender was asked, by its one recipient."""
    row = _ANSWERABLE.one(conn, {"of": digest, "sender": sender})
    return row is not None and list(recipients) == [row.agency]


def answer(conn: Connection, digest: str, *, at: datetime) -> None:
    """Note the first answer and forget the sealed part, in the unit that stores the disclosure."""
    _ANSWERED.changed(conn, {"of": digest, "at": at})


def close(conn: Connection, *, now: datetime, limit: int) -> int:
    """Forget the sealed parts of requests whose deadline has passed; return how many."""
    over = (
        select(requests.c.id)
        .where(requests.c.deadline <= now, requests.c.statement.is_not(None))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    change = update(requests).where(requests.c.id.in_(over)).values(statement=None)
    return conn.execute(change).rowcount


def forget(conn: Connection, *, closed_before: datetime, limit: int) -> int:
    """Delete requests whose deadline lies so far back; return how many.

    Counted from the deadline, also of those that were answered: the asker must not learn from
    when one is gone what became of it.
    """
    old = select(requests.c.id).where(requests.c.deadline <= closed_before).limit(limit)
    free = old.with_for_update(skip_locked=True)
    return conn.execute(delete(requests).where(requests.c.id.in_(free))).rowcount


def _of(caller: str, role: Role | None) -> ColumnElement[bool]:
    match role:
        case "asked":
            return requests.c.asked == caller
        case "asking":
            return requests.c.agency == caller
        case None:
            return or_(requests.c.asked == caller, requests.c.agency == caller)


def _seen(row: Row[*tuple[object, ...]], caller: str) -> Request:
    return Request(
        id=row.id,
        digest=row.digest,
        agency=row.agency,
        asked=row.asked,
        agreement=row.agreement,
        consent=row.consent,
        purpose=row.purpose,
        categories=tuple(row.categories.split(",")),
        deadline=row.deadline,
        made_at=row.made_at,
        number=row.number,
        statement=row.statement if row.asked == caller else None,
        receipt=row.receipt,
    )
