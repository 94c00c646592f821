"""What a gateway remembers of documents, as plain functions on the connection of a unit of work.

They never begin, commit or roll back. Each state says what a crash leaves behind and which verb
goes on from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)

from exchange.agency import tables
from exchange.agency.built import added, added_once, by_id, put
from exchange.prepared import Prepared


class Sending(StrEnum):
    """Where a disclosure of ours stands."""

    SEALED = "sealed"
    """Signed and in the out-spool; `send.resume` uploads it."""
    LODGED = "lodged"
    """The hub says that it is stored, and its receipt is not here yet: not done."""
    STORED = "stored"
    """Stored, by its receipt from the log."""
    COLLECTED = "collected"
    ACKNOWLEDGED = "acknowledged"
    EXPIRED = "expired"
    ENDED = "ended"
    REFUSED = "refused"
    """The hub would not take it; nothing of it is left."""


WAITING = (Sending.STORED, Sending.COLLECTED)
"""States of a sent disclosure that the hub may still change."""


class Receiving(StrEnum):
    """Where a disclosure for us stands."""

    COLLECTED = "collected"
    """The header is here, a long payload in `incoming`; a short one is fetched again: step 11."""
    OPENED = "opened"
    """Steps 11 to 16 are done; what was opened is opened again after a crash."""
    DECIDED = "decided"
    """The acknowledgement is signed; the converted folder is moved into place, then it is sent."""
    DONE = "done"
    """The hub has the acknowledgement; nothing sealed is left here."""
    ENDED = "ended"
    """Ended before anybody here read it; nothing of it is left."""
    ERASED = "erased"
    """Erased on request after it was received."""


class Erasing(StrEnum):
    """Where a request to erase stands."""

    ASKED = "asked"
    """The back office has taken the document out of the spool and must confirm its part."""
    CONFIRMED = "confirmed"
    """Our own copies are gone and the answer is signed; it is sent next."""
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A disclosure of ours."""

    id: str
    digest: str
    manifest: bytes = field(repr=False)
    consent: str
    recipients: str
    """Ids of agencies, a comma between."""
    size: int
    """Bytes of the sealed document."""
    state: Sending
    sent_at: datetime
    exp: datetime
    stored_at: datetime | None = None
    collected_at: datetime | None = None
    result: str | None = None
    reason: str | None = None
    log: str
    """Where the log has the key that was sealed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A disclosure for us: seen, and how far it has come."""

    digest: str
    id: str
    sender: str
    consent: str
    consent_id: str
    size: int
    """Bytes of the sealed document."""
    state: Receiving
    seen_at: datetime
    keep_until: datetime
    """How long the id stays in the seen-set."""
    collected_at: datetime | None = None
    log: str | None = None
    """Where it stands in the log."""
    folder: str | None = None
    """Folder in the spool, when it was accepted."""
    result: str | None = None
    reason: str | None = None
    manifest: bytes | None = field(default=None, repr=False)
    """This and all below are read and written on their own; see `arrivals` and `evidence`."""
    header: bytes | None = field(default=None, repr=False)
    contents: bytes | None = field(default=None, repr=False)
    """`contents.json` as opened: with the manifest it proves which files were sent."""
    acknowledgement: bytes | None = field(default=None, repr=False)
    receipt: bytes | None = field(default=None, repr=False)
    """Log receipt of its being stored, verified before anything was fetched."""
    status: bytes | None = field(default=None, repr=False)
    """Status note of its consent, from the answer that released the header."""
    collected: bytes | None = field(default=None, repr=False)
    """Log receipt of the collection."""
    acknowledged: bytes | None = field(default=None, repr=False)
    """Log receipt of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A request to erase, and how far our answer has come."""

    id: str
    consent: str
    due: datetime
    state: Erasing
    statement: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A file that came from another agency: whoever sends it on has to say so."""

    sha256: str
    size: int
    id: str
    """Of the disclosure that brought it."""
    sender: str
    secrecy: str


# Sent


def add_sent(conn: Connection, sent: Sent) -> None:
    """Remember a signed disclosure before its first byte travels."""
    added(tables.sent).changed(conn, _row(sent))


def find_sent(conn: Connection, disclosure_id: str) -> Sent | None:
    """Return a disclosure of ours."""
    row = by_id(tables.sent).one(conn, {"of": disclosure_id})
    return None if row is None else _sent(row._asdict())


def list_sent(conn: Connection, states: Sequence[Sending] | None = None) -> list[Sent]:
    """Return disclosures of ours in any of `states` (all if None), oldest first."""
    query = select(tables.sent).order_by(tables.sent.c.sent_at, tables.sent.c.id)
    if states is not None:
        query = query.where(tables.sent.c.state.in_([state.value for state in states]))
    return [_sent(dict(row)) for row in conn.execute(query).mappings()]


def page_sent(conn: Connection, after: str | None, limit: int) -> list[Sent]:
    """Return at most `limit` disclosures of ours behind the one with id `after`, oldest first."""
    sent = tables.sent.c
    query = select(tables.sent).order_by(sent.sent_at, sent.id).limit(limit)
    if after is not None:
        since = select(sent.sent_at).where(sent.id == after).scalar_subquery()
        query = query.where(tuple_(sent.sent_at, sent.id) > tuple_(since, after))
    return [_sent(dict(row)) for row in conn.execute(query).mappings()]


def change_sent(conn: Connection, disclosure_id: str, change: Mapping[str, object]) -> None:
    """Set columns of a disclosure of ours."""
    _changed(frozenset(change)).changed(conn, {"of": disclosure_id, **change})


def add_answer(
    conn: Connection,
    disclosure_id: str,
    agency: str,
    *,
    statement: bytes,
    result: str,
    reason: str | None,
) -> None:
    """Keep a recipient's verified acknowledgement; a second one changes nothing."""
    values = {
        "id": disclosure_id,
        "agency": agency,
        "statement": statement,
        "result": result,
        "reason": reason,
    }
    added_once(tables.answers).changed(conn, values)


def answered(conn: Connection, disclosure_id: str) -> frozenset[str]:
    """Return the recipients whose verified acknowledgement is here."""
    query = select(tables.answers.c.agency).where(tables.answers.c.id == disclosure_id)
    return frozenset(conn.execute(query).scalars())


# Held


def hold(conn: Connection, disclosure_id: str, reason: str, now: datetime) -> bool:
    """Remember why a disclosure stays at the hub; True when that is news."""
    values = {"id": disclosure_id, "reason": reason, "since": now}
    known = conn.execute(
        select(tables.held.c.reason).where(tables.held.c.id == disclosure_id)
    ).scalar_one_or_none()
    if known == reason:
        return False
    put(tables.held).changed(conn, values)
    return True


def list_held(conn: Connection) -> list[tuple[str, str, datetime]]:
    """Return id, reason and since when of what is held, oldest first."""
    query = select(tables.held).order_by(tables.held.c.since, tables.held.c.id)
    return [(row.id, row.reason, row.since) for row in conn.execute(query)]


def forget_held(conn: Connection, offered: Sequence[str]) -> None:
    """Forget what the hub no longer offers: it has expired, ended or been recalled."""
    conn.execute(delete(tables.held).where(tables.held.c.id.not_in(offered)))


# Erasures


def find_erasure(conn: Connection, erasure_id: str) -> Erasure | None:
    """Return a request to erase."""
    row = by_id(tables.erasures).one(conn, {"of": erasure_id})
    return None if row is None else _erasure(row._asdict())


def list_erasures(conn: Connection, state: Erasing) -> list[Erasure]:
    """Return requests to erase in one state, the most urgent first."""
    query = select(tables.erasures).where(tables.erasures.c.state == state.value)
    return [_erasure(dict(row)) for row in conn.execute(query.order_by("due")).mappings()]


def put_erasure(conn: Connection, erasure: Erasure) -> None:
    """Remember how far the answer to a request has come."""
    put(tables.erasures).changed(conn, _row(erasure))


def count_states(conn: Connection) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many sent and received disclosures are in each state."""
    found = []
    for table in (tables.sent, tables.received):
        query = select(table.c.state, func.count()).group_by(table.c.state)
        found.append({state: int(count) for state, count in conn.execute(query)})
    return found[0], found[1]


@cache
def _changed(columns: frozenset[str]) -> Prepared:
    values: dict[str, Any] = {name: bindparam(name) for name in columns}
    return Prepared(update(tables.sent).where(tables.sent.c.id == bindparam("of")).values(values))


def _row(value: Sent | Erasure) -> dict[str, Any]:
    row = {name: getattr(value, name) for name in type(value).__slots__}
    return row | {"state": value.state.value}


def _sent(row: Mapping[str, Any]) -> Sent:
    return Sent(**{**row, "state": Sending(row["state"])})


def _erasure(row: Mapping[str, Any]) -> Erasure:
    return Erasure(**{**row, "state": Erasing(row["state"])})
