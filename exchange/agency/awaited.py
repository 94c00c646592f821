"""What the log still owes this gateway: receipts that are not here, or have no quorum yet.

Plain functions on the connection of a unit of work. A row comes with the act it is about, in one
transaction, and goes when a receipt with a quorum is kept.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Connection, bindparam, delete, select, update

from exchange.agency import tables
from exchange.agency.built import added_once
from exchange.prepared import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """One receipt that is still owed."""

    kind: str
    """Kind of the event, such as `disclosure-stored`."""
    digest: str
    """Digest of the statement that the event is about: manifest, consent, confirmation."""
    own: bool
    """Whether this agency did it; else it is evidence about what another did."""
    about: str
    """Id of the disclosure, the consent or the erasure."""
    rid: str
    """Name of the receipt at the hub; empty where the hub has named none."""
    since: datetime
    """When it was asked for first; of one without a quorum, when that was first seen."""
    proved: bool = False
    """Whether a verified receipt is here, which waits for its quorum."""
    alarmed: bool = False
    """Whether somebody was told that it does not come."""


def await_receipt(conn: Connection, awaited: Awaited) -> None:
    """Remember a receipt that is owed; a second time changes nothing."""
    row = {name: getattr(awaited, name) for name in Awaited.__slots__}
    added_once(tables.awaited).changed(conn, row)


def is_awaited(conn: Connection, owed: Awaited) -> Awaited | None:
    """Return what is owed already about the same; None if nothing is."""
    row = _known().one(conn, {"of": owed.kind, "about": owed.digest, "ours": owed.own})
    return None if row is None else Awaited(**row._asdict())


def list_awaited(conn: Connection) -> list[Awaited]:
    """Return everything that is owed, oldest first."""
    query = select(tables.awaited).order_by(tables.awaited.c.since, tables.awaited.c.digest)
    return [Awaited(**row) for row in conn.execute(query).mappings()]


def note_proved(conn: Connection, owed: Awaited, now: datetime) -> None:
    """Remember that a verified receipt is here and its quorum is not; the wait begins anew."""
    change = update(tables.awaited).where(*_same(owed))
    conn.execute(change.values(proved=True, since=now, alarmed=False))


def note_alarm(conn: Connection, owed: Awaited) -> None:
    """Remember that somebody was told."""
    conn.execute(update(tables.awaited).where(*_same(owed)).values(alarmed=True))


def settle(conn: Connection, owed: Awaited) -> None:
    """Forget what is owed: it is here, or is needed no more."""
    conn.execute(delete(tables.awaited).where(*_same(owed)))


def _same(owed: Awaited) -> tuple[ColumnElement[bool], ...]:
    columns = tables.awaited.c
    return columns.kind == owed.kind, columns.digest == owed.digest, columns.own == owed.own


@cache
def _known() -> Prepared:
    columns = tables.awaited.c
    which = (
        columns.kind == bindparam("of"),
        columns.digest == bindparam("about"),
        columns.own == bindparam("ours"),
    )
    return Prepared(select(tables.awaited).where(*which))
