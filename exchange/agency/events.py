"""What has happened at this gateway, in the order of commits: the back office asks what is new.

Each event is written in the unit of work that changes the state, so none is lost and none is made
up. Ids and codes only: about whom it is stands in the documents. Plain functions on the connection
of a unit of work; they never begin, commit or roll back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select

from exchange.agency import tables
from exchange.agency.built import added
from exchange.prepared import Prepared

KEPT: Final = timedelta(days=90)
"""How long an event can be asked for."""


class EventKind(StrEnum):
    """What has happened, and what the event's `of` is the id of."""

    RECEIVED = "document.received"
    """A document for this agency lies in the spool: id of the disclosure, `folder`."""
    QUARANTINED = "document.quarantined"
    """A document was set aside, `reason`: id of the disclosure."""
    RELEASED = "document.released"
    """Somebody has let a document out of quarantine into the spool: id of the disclosure."""
    REJECTED = "document.rejected"
    """Somebody has removed a document from quarantine: id of the disclosure."""
    STORED = "disclosure.stored"
    """The hub has what this agency sends, by the receipt of its log: id of the disclosure."""
    COLLECTED = "disclosure.collected"
    """The recipient has the key: id of the disclosure."""
    ACKNOWLEDGED = "disclosure.acknowledged"
    """Every recipient has answered; `reason` is the worst result: id of the disclosure."""
    EXPIRED = "disclosure.expired"
    """Nobody has collected it in time: id of the disclosure."""
    ENDED = "disclosure.ended"
    """It was taken back, or has ended at the hub, which tells no reason: id of the disclosure."""
    REFUSED = "disclosure.refused"
    """The hub has not taken it, `reason`; nothing of it is left: id of the disclosure."""
    CONSENT_RECORDED = "consent.recorded"
    """A consent collected here is recorded: its id."""
    CONSENT_ENDED = "consent.ended"
    """A withdrawal taken down here is recorded: id of the consent."""
    ERASURE_ASKED = "erasure.asked"
    """People have to erase and confirm: id of the erasure."""
    ERASURE_DONE = "erasure.done"
    """The signed answer is at the hub: id of the erasure."""
    REQUEST_ASKED = "request.asked"
    """A partner asks for documents: id of the request."""
    REQUEST_ENDED = "request.ended"
    """A partner's request is answered, or its deadline has passed: id of the request."""
    DELIVERY_DONE = "delivery.done"
    """A system of the agency has the document: id of the disclosure."""
    DELIVERY_FAILED = "delivery.failed"
    """A system of the agency does not take the document, `reason`: id of the disclosure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened."""

    number: int
    """From 1; grows with every commit, with gaps where events are forgotten."""
    kind: EventKind
    of: str
    """Id of what it happened to; see `EventKind`."""
    at: datetime
    folder: str | None = None
    """Name of the folder in the spool."""
    reason: str | None = None
    """Code, such as `not-permitted`."""


def happened(
    conn: Connection,
    kind: EventKind,
    of: str,
    at: datetime,
    *,
    folder: str | None = None,
    reason: str | None = None,
) -> None:
    """Write an event, in the unit of work that makes it true."""
    values = {"kind": kind.value, "of": of, "at": at, "folder": folder, "reason": reason}
    added(tables.events).changed(conn, {"number": None, **values})


def happened_once(
    conn: Connection,
    kind: EventKind,
    of: str,
    at: datetime,
    *,
    folder: str | None = None,
    reason: str | None = None,
) -> None:
    """Write an event that a step repeated after a crash may have written before."""
    if not has_happened(conn, kind, of):
        happened(conn, kind, of, at, folder=folder, reason=reason)


def has_happened(conn: Connection, kind: EventKind, of: str) -> bool:
    """Return whether an event is known, of those that are not forgotten."""
    return _known().one(conn, {"id": of, "as": kind.value}) is not None


def list_events(conn: Connection, after: int, limit: int) -> list[Event]:
    """Return at most `limit` events behind number `after`, in their order."""
    query = select(tables.events).where(tables.events.c.number > after)
    rows = conn.execute(query.order_by(tables.events.c.number).limit(limit)).mappings()
    return [_event(row) for row in rows]


def newest(conn: Connection) -> int:
    """Return the number of the newest event; 0 before the first."""
    return int(conn.execute(select(func.max(tables.events.c.number))).scalar_one() or 0)


def forget_events(conn: Connection, now: datetime) -> None:
    """Remove events whose time is over."""
    conn.execute(delete(tables.events).where(tables.events.c.at < now - KEPT))


def _event(row: Mapping[Any, Any]) -> Event:
    return Event(**{**row, "kind": EventKind(row["kind"])})


@cache
def _known() -> Prepared:
    events = tables.events.c
    which = events.of == bindparam("id"), events.kind == bindparam("as")
    return Prepared(select(events.number).where(*which).limit(1))
