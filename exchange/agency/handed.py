"""What is handed on to systems of the agency, and what the back office has, as rows of the state.

Plain functions on the connection of a unit of work. A row is written with the signed answer to a
document and settled once; whatever crashes in between, it says what is still to be done.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select, update

from exchange.agency import tables
from exchange.agency.built import added_once
from exchange.agency.events import EventKind, happened, happened_once
from exchange.agency.state import Receiving
from exchange.errors import NotFound

KEPT_FETCHED: Final = timedelta(hours=24)
"""How long a document stays in the spool once the back office has it (D14 of the deletion plan)."""
FORGOTTEN: Final = timedelta(days=7)
"""After which a document that nobody fetched is an alarm; it is never removed unfetched."""


class Handing(StrEnum):
    """Where the delivery of one document to one system stands."""

    WAITING = "waiting"
    """It is tried, or tried again when its moment has come."""
    DONE = "done"
    """The system has it for good."""
    PARKED = "parked"
    """It is not tried any more until somebody says so; the document lies in the spool."""
    GONE = "gone"
    """The document was taken or erased before the system had it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One document on its way to one system of the agency."""

    id: str
    """Of the disclosure: the same at every repetition."""
    destination: str
    stated: bytes = field(repr=False)
    """What was received, canonical JSON; empty once it is settled."""
    state: Handing = Handing.WAITING
    since: datetime
    """When it began to wait; once settled, when that was."""
    attempts: int = 0
    """That have begun; after a crash nobody knows how the last one ended."""
    next_at: datetime
    reason: str | None = None
    """Code of why it failed last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """A document in the spool."""

    id: str
    folder: str
    since: datetime


def expect(conn: Connection, expected: Sequence[Delivery]) -> None:
    """Remember what has to be handed on; what is remembered already stays as it is."""
    for delivery in expected:
        added_once(tables.deliveries).changed(conn, _row(delivery))


def due(conn: Connection, destinations: Collection[str], now: datetime) -> list[Delivery]:
    """Return what waits and may be tried now, those waiting longest first.

    Only of documents whose answer is sent: before, they do not lie in the spool for sure.
    """
    kept = tables.deliveries.c
    query = select(tables.deliveries).where(
        kept.state == Handing.WAITING.value,
        kept.next_at <= now,
        kept.destination.in_(destinations),
        exists().where(
            tables.received.c.id == kept.id, tables.received.c.state == Receiving.DONE.value
        ),
    )
    return _read(conn, query.order_by(kept.next_at, kept.since).limit(100))


def list_open(conn: Connection) -> list[Delivery]:
    """Return what waits or is parked, oldest first: for people."""
    kept = tables.deliveries.c
    query = select(tables.deliveries).where(
        kept.state.in_([Handing.WAITING.value, Handing.PARKED.value])
    )
    return _read(conn, query.order_by(kept.since, kept.id, kept.destination))


def begin(conn: Connection, delivery: Delivery, next_at: datetime) -> Delivery | None:
    """Remember that an attempt begins: from now on the system may have the document.

    Should it end by a crash, the next one begins at `next_at`. None: it was erased meanwhile.
    """
    begun = replace(delivery, attempts=delivery.attempts + 1, next_at=next_at)
    return begun if _changed(conn, begun) else None


def put_off(conn: Connection, delivery: Delivery, reason: str) -> None:
    """Remember why an attempt has failed; the next one begins at its `next_at`."""
    _changed(conn, replace(delivery, reason=reason))


def park(conn: Connection, delivery: Delivery, now: datetime, reason: str) -> None:
    """Stop trying until somebody says so, and tell the office; each time, and each system's."""
    parked = replace(delivery, state=Handing.PARKED, since=now, reason=reason)
    if _changed(conn, parked):
        happened(conn, EventKind.DELIVERY_FAILED, delivery.id, now, reason=reason)


def settle(conn: Connection, delivery: Delivery, state: Handing, now: datetime) -> bool:
    """Remember how a delivery ended; tell whether it was the document's last one.

    What a system of the agency has, the back office has.
    """
    settled = replace(delivery, stated=b"", state=state, since=now, reason=None)
    if not _changed(conn, settled) or state is not Handing.DONE:
        return False
    happened_once(conn, EventKind.DELIVERY_DONE, delivery.id, now)
    kept = tables.deliveries.c
    open_ = exists().where(
        kept.id == delivery.id, kept.state.in_([Handing.WAITING.value, Handing.PARKED.value])
    )
    last = not conn.execute(select(open_)).scalar_one()
    if last:
        mark_fetched(conn, delivery.id, now)
    return last


def unpark(conn: Connection, disclosure_id: str, now: datetime) -> None:
    """Let parked deliveries of a document be tried again, now.

    Raises:
        NotFound: none of it is parked.
    """
    kept = tables.deliveries.c
    parked = and_(kept.id == disclosure_id, kept.state == Handing.PARKED.value)
    change = update(tables.deliveries).where(parked)
    changed = conn.execute(change.values(state=Handing.WAITING.value, next_at=now, attempts=0))
    if not changed.rowcount:
        raise NotFound("no delivery of this document is parked")


def mark_fetched(conn: Connection, disclosure_id: str, now: datetime) -> None:
    """Remember that the back office has a document; the first time counts."""
    row = {"id": disclosure_id, "at": now, "removed": False}
    added_once(tables.fetched).changed(conn, row)


def is_passed_on(conn: Connection, disclosure_id: str) -> bool:
    """Tell whether a system of the agency may have a document outside the spool.

    True also when a delivery was tried and its end is not known, or only one of several has it:
    an erasure has to reach that one.
    """
    fetched, kept = tables.fetched.c, tables.deliveries.c
    handed = exists().where(
        kept.id == disclosure_id,
        or_(kept.state == Handing.DONE.value, kept.attempts > 0),
    )
    taken = exists().where(fetched.id == disclosure_id)
    return bool(conn.execute(select(handed | taken)).scalar_one())


def list_removable(conn: Connection, before: datetime) -> list[Lying]:
    """Return the documents in the spool that the back office has had since `before`."""
    fetched = tables.fetched.c
    return _lying(
        conn, and_(fetched.id.is_not(None), fetched.at <= before, fetched.removed.is_(False))
    )


def list_forgotten(conn: Connection, before: datetime) -> list[Lying]:
    """Return the documents that lie in the spool since `before` and that nobody has fetched."""
    unfetched = and_(tables.fetched.c.id.is_(None), tables.received.c.collected_at <= before)
    return _lying(conn, unfetched)


def mark_removed(conn: Connection, disclosure_id: str) -> None:
    """Remember that a document was removed from the spool."""
    change = update(tables.fetched).where(tables.fetched.c.id == disclosure_id)
    conn.execute(change.values(removed=True))


def forget_handed(conn: Connection, disclosures: Collection[str]) -> None:
    """Forget what was handed on of these disclosures: they were erased."""
    for table in (tables.deliveries, tables.fetched):
        conn.execute(delete(table).where(table.c.id.in_(disclosures)))


def _lying(conn: Connection, which: ColumnElement[bool]) -> list[Lying]:
    received = tables.received.c
    query = (
        select(received.id, received.folder, received.collected_at)
        .join_from(
            tables.received,
            tables.fetched,
            tables.fetched.c.id == received.id,
            isouter=True,
        )
        .where(
            received.state == Receiving.DONE.value,
            received.folder.is_not(None),
            received.collected_at.is_not(None),
            which,
        )
    )
    return [
        Lying(id=row.id, folder=row.folder, since=row.collected_at)
        for row in conn.execute(query.order_by(received.collected_at, received.id))
    ]


def _changed(conn: Connection, delivery: Delivery) -> bool:
    """Write a delivery that is known; one that was erased meanwhile does not come back."""
    kept = tables.deliveries.c
    which = and_(kept.id == delivery.id, kept.destination == delivery.destination)
    change = update(tables.deliveries).where(which).values(_row(delivery))
    return conn.execute(change).rowcount > 0


def _read(conn: Connection, query: Any) -> list[Delivery]:
    return [_delivery(row) for row in conn.execute(query).mappings()]


def _delivery(row: Mapping[Any, Any]) -> Delivery:
    return Delivery(**{**row, "state": Handing(row["state"])})


def _row(delivery: Delivery) -> dict[str, Any]:
    row = {name: getattr(delivery, name) for name in Delivery.__slots__}
    return row | {"state": delivery.state.value}
