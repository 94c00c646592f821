"""Disclosures on their way: announced, stored, collected, acknowledged.

How one ends otherwise is in `ending`; what one agency may see of it, in `inbox`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, exists, func, insert, or_, select, text, update

from exchange.consent.decision import Fate, Permit, gives_back
from exchange.errors import Conflict, Unavailable
from exchange.hub.storage import consents, headers
from exchange.hub.storage.blobs import Kept
from exchange.hub.storage.tables import (
    agencies,
    disclosure_recipients,
    disclosures,
)
from exchange.prepared import Prepared

State = Literal["announced", "stored", "collected", "acknowledged", "expired", "ended"]
Result = Literal["accepted", "rejected", "quarantined"]
OVER: frozenset[State] = frozenset({"ended", "expired"})
"""States in which nobody can be given anything any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDisclosure:
    """What a verified manifest says, as far as rows need it."""

    id: str
    digest: str
    """Of the manifest."""
    manifest: bytes
    """As received."""
    sender: str
    consent: str
    recipients: Mapping[str, str]
    """Agency to fingerprint of the key sealed to."""
    sealed_size: int
    """Bytes of header and payload together."""
    exp: datetime
    receipt: str | None = None
    """Name of the entry that records that it is stored; None while it is only announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A recipient's signed acknowledgement."""

    statement: bytes
    """As received; signatures verified by the caller."""
    result: Result
    reason: str | None
    """Code of a rejection."""
    receipt: str
    """Name of the entry that records it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """A stored disclosure in front of the gate, for one of its recipients."""

    id: str
    digest: str
    manifest: bytes
    sender: str
    consent: str
    state: State
    recipients: frozenset[str]
    collected_at: datetime | None
    """When this recipient collected it first."""
    answered: Result | None
    """What this recipient has acknowledged."""
    acknowledgement: bytes | None
    collected_receipt: str | None
    """Name of the entry that records the collection by this recipient."""
    acknowledged_receipt: str | None
    """The same of its answer."""


_RECEIPT = Prepared(select(disclosures.c.receipt).where(disclosures.c.id == bindparam("of")))
_KNOWN = Prepared(
    select(disclosures.c.digest, disclosures.c.state).where(disclosures.c.id == bindparam("of"))
)
_ADD = Prepared(insert(disclosures))
_ADD_RECIPIENT = Prepared(insert(disclosure_recipients))
_STORE = Prepared(
    update(disclosures)
    .where(disclosures.c.id == bindparam("of"), disclosures.c.state == "announced")
    .values(
        state="stored",
        stored_at=bindparam("at"),
        blob=bindparam("name"),
        payload_size=bindparam("size"),
        payload_sha256=bindparam("sha256"),
        receipt=bindparam("rid"),
    )
)
_NUMBER_NEXT = Prepared(
    update(agencies)
    .where(agencies.c.id == bindparam("of"), agencies.c.state == "active")
    .values(inbox_last=agencies.c.inbox_last + 1)
    .returning(agencies.c.inbox_last)
)
_NUMBER = Prepared(
    update(disclosure_recipients)
    .where(
        disclosure_recipients.c.disclosure == bindparam("of"),
        disclosure_recipients.c.agency == bindparam("to"),
    )
    .values(number=bindparam("place"), waiting=True)
)
_EVERY = disclosure_recipients.alias("every")
# A plain comma is put into the text at each run, by the library: a prepared statement does not
# pass there. The function takes a column as well, whatever its annotation says.
_COMMA: Any = text("','")
_OTHERS = (
    select(func.aggregate_strings(_EVERY.c.agency, _COMMA))
    .where(_EVERY.c.disclosure == disclosures.c.id)
    .scalar_subquery()
)
_GATED = Prepared(
    select(
        disclosures.c.id,
        disclosures.c.digest,
        disclosures.c.manifest,
        disclosures.c.sender,
        disclosures.c.consent,
        disclosures.c.state,
        disclosure_recipients.c.collected_at,
        disclosure_recipients.c.result,
        disclosure_recipients.c.acknowledgement,
        disclosure_recipients.c.collected_receipt,
        disclosure_recipients.c.acknowledged_receipt,
        _OTHERS.label("recipients"),
    )
    .join_from(disclosures, disclosure_recipients)
    .where(
        disclosures.c.id == bindparam("of"),
        disclosure_recipients.c.agency == bindparam("caller"),
        disclosure_recipients.c.number.is_not(None),
    )
)
_COLLECT = Prepared(
    update(disclosure_recipients)
    .where(
        disclosure_recipients.c.disclosure == bindparam("of"),
        disclosure_recipients.c.agency == bindparam("caller"),
        disclosure_recipients.c.collected_at.is_(None),
    )
    .values(collected_at=bindparam("at"), collected_receipt=bindparam("rid"))
)
_COLLECTED = Prepared(
    update(disclosures)
    .where(disclosures.c.id == bindparam("of"), disclosures.c.state == "stored")
    .values(state="collected")
)
_ANSWER = Prepared(
    update(disclosure_recipients)
    .where(
        disclosure_recipients.c.disclosure == bindparam("of"),
        disclosure_recipients.c.agency == bindparam("caller"),
        disclosure_recipients.c.acknowledged_at.is_(None),
    )
    .values(
        waiting=False,
        acknowledged_at=bindparam("at"),
        result=bindparam("answered"),
        reason=bindparam("because"),
        acknowledgement=bindparam("signed"),
        acknowledged_receipt=bindparam("rid"),
    )
)
_FATES = Prepared(
    select(
        disclosure_recipients.c.collected_at,
        disclosure_recipients.c.acknowledged_at,
        disclosure_recipients.c.result,
        disclosure_recipients.c.reason,
    ).where(disclosure_recipients.c.disclosure == bindparam("of"))
)


def known(conn: Connection, id: str, digest: str) -> State | None:  # noqa: A002 - wire's word
    """Return the state of a disclosure that this very manifest announced or stored, or None.

    Raises:
        Conflict: the id was used for another manifest.
    """
    row = _KNOWN.one(conn, {"of": id})
    if row is None:
        return None
    if row.digest != digest:
        raise Conflict
    state: State = row.state
    return state


def announce(conn: Connection, granted: Permit, new: NewDisclosure, *, at: datetime) -> None:
    """Add a disclosure whose sealed document follows in pieces; it counts no use yet."""
    _add(conn, granted, new, {"state": "announced", "announced_at": at}, {})


def store(
    conn: Connection,
    granted: Permit,
    new: NewDisclosure,
    header: bytes,
    kept: Kept,
    *,
    at: datetime,
) -> None:
    """Add a disclosure with header and payload, or complete the one that was announced.

    In one unit of work with the decision (`granted`), the use (`consents.consume_use`), the log
    and the notices. It waits in the inbox of each recipient from the moment on in which a signed
    head of the log covers its entry.

    Raises:
        Unavailable: it is neither new nor announced, or a recipient is suspended.
    """
    numbers = {agency: next_number(conn, agency) for agency in sorted(new.recipients)}
    if known(conn, new.id, new.digest) is None:
        row = {
            "state": "stored",
            "announced_at": at,
            "stored_at": at,
            "blob": kept.blob,
            "payload_size": kept.size,
            "payload_sha256": kept.sha256,
            "receipt": new.receipt,
        }
        _add(conn, granted, new, row, numbers)
    else:
        stored = {"at": at, "name": kept.blob, "size": kept.size, "sha256": kept.sha256}
        _complete(conn, new, {**stored, "rid": new.receipt}, numbers)
    headers.keep(conn, granted, new.id, header)


def next_number(conn: Connection, agency: str) -> int:
    """Return the next place in the inbox of `agency`; its row stays locked until the unit ends.

    Raises:
        Unavailable: it was suspended in the meantime.
    """
    row = _NUMBER_NEXT.one(conn, {"of": agency})
    if row is None:
        raise Unavailable("a recipient was suspended between decision and commit")
    number: int = row.inbox_last
    return number


def _complete(
    conn: Connection,
    new: NewDisclosure,
    stored: Mapping[str, object],
    numbers: Mapping[str, int],
) -> None:
    if _STORE.changed(conn, {"of": new.id, **stored}) != 1:
        raise Unavailable("the disclosure changed between decision and commit")
    for agency, number in numbers.items():
        _NUMBER.changed(conn, {"of": new.id, "to": agency, "place": number})


def _add(
    conn: Connection,
    granted: Permit,
    new: NewDisclosure,
    row: Mapping[str, object],
    numbers: Mapping[str, int],
) -> None:
    if granted.asked.consent != new.consent or granted.asked.recipients != new.recipients.keys():
        raise Unavailable("the permit is for another disclosure")
    _ADD.changed(
        conn,
        {
            "id": new.id,
            "digest": new.digest,
            "manifest": new.manifest,
            "sender": new.sender,
            "consent": new.consent,
            "sealed_size": new.sealed_size,
            "exp": new.exp,
            "stored_at": None,
            "blob": None,
            "payload_size": None,
            "payload_sha256": None,
            "receipt": None,
            **row,
        },
    )
    for agency, key in sorted(new.recipients.items()):
        recipient = {
            "disclosure": new.id,
            "agency": agency,
            "fingerprint": key,
            "number": numbers.get(agency),
            "waiting": agency in numbers,
        }
        _ADD_RECIPIENT.changed(conn, recipient)


def gated(conn: Connection, id: str, caller: str) -> Gated | None:  # noqa: A002
    """Return a disclosure that was stored for `caller`, in whatever state, or None.

    One statement by id and caller. For the gate and for acknowledgements; whether it may be
    released is decided under the consent's lock afterwards.
    """
    row = _GATED.one(conn, {"of": id, "caller": caller})
    if row is None:
        return None
    return Gated(
        id=row.id,
        digest=row.digest,
        manifest=row.manifest,
        sender=row.sender,
        consent=row.consent,
        state=row.state,
        recipients=frozenset(row.recipients.split(",")),
        collected_at=row.collected_at,
        answered=row.result,
        acknowledgement=row.acknowledgement,
        collected_receipt=row.collected_receipt,
        acknowledged_receipt=row.acknowledged_receipt,
    )


def receipt(conn: Connection, id: str) -> str | None:  # noqa: A002
    """Return the name of the entry that records that a disclosure was stored; None before."""
    row = _RECEIPT.one(conn, {"of": id})
    found: str | None = None if row is None else row.receipt
    return found


def collect(
    conn: Connection,
    granted: Permit,
    id: str,  # noqa: A002
    caller: str,
    *,
    receipt: str,
) -> bool:
    """Note that the header goes out to `caller`; True the first time, which is the one logged."""
    row = {"of": id, "caller": caller, "at": granted.decided_at, "rid": receipt}
    if _COLLECT.changed(conn, row) != 1:
        return False
    _COLLECTED.changed(conn, {"of": id})
    return True


def acknowledge(
    conn: Connection, found: Gated, caller: str, answer: Answer, *, at: datetime
) -> State:
    """Store a recipient's first and only answer, and return the state of the disclosure.

    When the last recipient has answered, the header goes, and the use is given back if nobody
    can have read the document. An answer to what has ended in the meantime is stored as well:
    it is evidence, and the state stays what it is.

    Args:
        conn: of the unit of work.
        found: the disclosure, from `gated` in this unit.
        caller: the recipient.
        answer: whose signatures were verified.
        at: hub time.

    Raises:
        Conflict: the recipient has answered otherwise before.
    """
    row = {
        "of": found.id,
        "caller": caller,
        "at": at,
        "answered": answer.result,
        "because": answer.reason,
        "signed": answer.statement,
        "rid": answer.receipt,
    }
    if _ANSWER.changed(conn, row) != 1:
        raise Conflict("the disclosure was acknowledged before")
    fates = _FATES.all(conn, {"of": found.id})
    if found.state in {"stored", "collected"}:
        if not all(fate.acknowledged_at for fate in fates):
            return found.state
        state: State = "acknowledged"
        conn.execute(
            update(disclosures).where(disclosures.c.id == found.id).values(state=state, ended_at=at)
        )
        headers.forget(conn, [found.id])
    else:
        state = found.state
    if gives_back([_fate(fate) for fate in fates]):
        return_use(conn, found.id, found.consent)
    return state


def return_use(conn: Connection, id: str, consent: str) -> None:  # noqa: A002
    """Give the use of one stored disclosure back to its consent, once."""
    change = (
        update(disclosures)
        .where(
            disclosures.c.id == id,
            disclosures.c.stored_at.is_not(None),
            disclosures.c.use_returned.is_(False),
        )
        .values(use_returned=True)
    )
    if conn.execute(change).rowcount == 1:
        consents.give_back(conn, consent, 1)


def occupied(conn: Connection, sender: str) -> tuple[int, int, int]:
    """Return what a sender uses: open uploads, disclosures waiting, bytes of payloads stored."""
    open_ = select(func.count()).where(
        disclosures.c.sender == sender, disclosures.c.state == "announced"
    )
    waiting = select(func.count(), func.coalesce(func.sum(disclosures.c.payload_size), 0)).where(
        disclosures.c.sender == sender, disclosures.c.state.in_(("stored", "collected"))
    )
    uploads = conn.execute(open_).scalar_one()
    count, size = conn.execute(waiting).one()
    return uploads, count, size


def unneeded_blobs(conn: Connection, *, limit: int) -> tuple[tuple[str, str], ...]:
    """Return (disclosure, blob) of payloads that nobody can open any more, for the sweeper."""
    query = (
        select(disclosures.c.id, disclosures.c.blob)
        .where(
            # Every name is greater; a range is found in the index, NOT NULL would be a scan.
            disclosures.c.blob > "",
            or_(
                disclosures.c.state.in_(("acknowledged", "expired", "ended")),
                ~headers.present(disclosures.c.id),
            ),
        )
        .limit(limit)
    )
    return tuple((row.id, row.blob) for row in conn.execute(query))


def forget_blob(conn: Connection, id: str) -> None:  # noqa: A002
    """Note that the payload of a disclosure has been deleted."""
    conn.execute(update(disclosures).where(disclosures.c.id == id).values(blob=None))


def overdue(
    conn: Connection, *, now: datetime, since: datetime, limit: int
) -> tuple[tuple[str, str, str], ...]:
    """Return (disclosure, agency, consent) of what was stored before `since` and not collected.

    Each recipient once: `remind` notes it. What has expired by `now` is past reminding.
    """
    query = (
        select(
            disclosure_recipients.c.disclosure,
            disclosure_recipients.c.agency,
            disclosures.c.consent,
        )
        .join_from(disclosure_recipients, disclosures)
        .where(
            disclosures.c.state.in_(("stored", "collected")),
            disclosures.c.exp > now,
            disclosures.c.stored_at <= since,
            disclosure_recipients.c.waiting,
            disclosure_recipients.c.collected_at.is_(None),
            disclosure_recipients.c.reminded_at.is_(None),
            exists().where(agencies.c.id == disclosure_recipients.c.agency),
        )
        .limit(limit)
    )
    return tuple((row.disclosure, row.agency, row.consent) for row in conn.execute(query))


def remind(conn: Connection, id: str, agency: str, *, at: datetime) -> bool:  # noqa: A002
    """Note that a recipient is reminded; False if it was before, or nothing waits any more."""
    change = update(disclosure_recipients).where(
        disclosure_recipients.c.disclosure == id,
        disclosure_recipients.c.agency == agency,
        disclosure_recipients.c.waiting,
        disclosure_recipients.c.collected_at.is_(None),
        disclosure_recipients.c.reminded_at.is_(None),
    )
    return conn.execute(change.values(reminded_at=at)).rowcount == 1


def _fate(row: Row[*tuple[object, ...]]) -> Fate:
    rejected = row.result == "rejected"
    return Fate(
        collected=row.collected_at is not None, rejected_for=row.reason if rejected else None
    )
