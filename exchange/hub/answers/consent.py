"""One consent: what was allowed, what happened under it, and whether it held at a moment."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from exchange.agreement.force import in_force
from exchange.canonical import loads
from exchange.consent.decision import Asked, Deny, decide
from exchange.consent.record import ConsentRecord
from exchange.errors import NotFound
from exchange.hub import gate
from exchange.hub.answers.frame import Answered, agency_of, newest_head
from exchange.hub.answers.signed import (
    PersonSigned,
    Signature,
    WithdrawalSeen,
    persons_of,
    signatures_of,
    withdrawal_of,
)
from exchange.hub.may_open import may_open
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.show_notice import show_notice
from exchange.hub.storage import agreements, answers_consent, answers_entries, consents, openings
from exchange.hub.storage.consents import ConsentSeen as Seen
from exchange.hub.storage.openings import Recorded
from exchange.hub.stored import received_at
from exchange.members import read_time
from exchange.statement import LARGEST
from exchange.vocabulary import Scope
from exchange.wire.asked import standing

WINDOW = 500
"""Events looked at in one unit of work."""
MOST = 4000
"""Events in one answer: a consent that is used every working day for ten years has fewer."""

Word = Literal["permit", "deny"]
State = Literal["valid", "not-yet", "ended"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The question."""

    consent: str
    """Id of the record."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSeen:
    """One event that the agency may open."""

    kind: str
    at: datetime
    by: str
    to: tuple[str, ...]
    index: int | None
    """In the log; None while it waits for its place."""
    manifest: str | None
    result: str | None
    reasons: tuple[str, ...]
    """Why something was refused or has ended, for who may know."""
    receipt: str
    """Name of the entry: of its receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Whether the consent covered what it names, at a moment."""

    at: datetime
    effective: Word | None
    """With a withdrawal from the moment an agency was told of it."""
    known: Word | None
    """With a withdrawal from the moment the hub recorded it. None, as the others, of an ended
    consent for an agency that may not know when and why it ended."""
    reasons: tuple[str, ...] | None
    """Of `known`; None where the agency may not know them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSeen:
    """One consent as the agency may read it."""

    id: str
    digest: str
    statement: str
    """The signed record."""
    record: ConsentRecord
    """The same, read."""
    signatures: tuple[Signature, ...]
    """Of the record."""
    persons: tuple[PersonSigned, ...]
    """Who gave it."""
    withdrawal: WithdrawalSeen | None
    """None also where the agency may not know of it."""
    scope: Scope
    """Names and words, as its agreement has frozen them."""
    state: State
    ended_at: datetime | None
    ended_why: str | None
    used: int | None
    text: str
    """Exactly what the person was shown."""
    allowed: Allowed
    events: tuple[EventSeen, ...]
    """Oldest first."""
    complete: bool
    """False: there are more than `MOST`."""


async def show_consent(
    hub: Hub, asker: Officer, consent: str, *, at: datetime | None = None
) -> Answered[Wanted, ConsentSeen]:
    """Return a consent as the asker's agency may read it; the look stands in its log before.

    Args:
        hub: the parts.
        asker: an officer of an agency.
        consent: id of the record.
        at: the moment asked about; None is now.

    Raises:
        NotPermitted: the asker reads no records.
        NotFound: absent, or hidden from her agency: the two look the same.
        Unavailable: the vault is away.
    """
    agency = agency_of(asker)
    found = await hub.db.read(consents.seen, consent, agency)
    if found is None:
        raise NotFound
    await trace.record_read(hub, asker, found.digest)
    text = await show_notice(hub, consent, agency)
    now = hub.clock()
    asked = Wanted(consent, now if at is None else at)
    allowed = await hub.db.read(_allowed, hub, found, asked.at)
    record, scope = await hub.db.read(_read, hub, found)
    events, complete = await _events(hub, agency, found.digest)
    knows = _knows(found)
    return Answered(
        question="consent",
        agency=agency,
        asked=asked,
        answered_at=now,
        checkpoint=newest_head(hub),
        answer=ConsentSeen(
            id=found.id,
            digest=found.digest,
            statement=found.statement.decode("ascii"),
            record=record,
            signatures=signatures_of(found.statement, record.collected_by),
            persons=persons_of(record),
            withdrawal=withdrawal_of(found.withdrawal, found.digest),
            scope=scope,
            state=_state(found, now),
            ended_at=found.ended_at if knows else None,
            ended_why=found.ended_why,
            used=None if found.role == "recipient" else found.used,
            text=text,
            allowed=allowed,
            events=events,
            complete=complete,
        ),
    )


def _read(conn: Connection, hub: Hub, found: Seen) -> tuple[ConsentRecord, Scope]:
    record = hub.records.consent(conn, found.digest, found.statement)
    return record, gate.agreement_of(conn, hub, record.agreement)[1]


def _knows(found: Seen) -> bool:
    """Tell whether the agency may know when and why the consent ended."""
    return found.role == "collector" or found.ended_why is not None


def _state(found: Seen, now: datetime) -> State:
    if found.ended_at is not None or now >= found.valid_until:
        return "ended"
    return "not-yet" if now < found.valid_from else "valid"


# Was it allowed then?


def _allowed(conn: Connection, hub: Hub, found: Seen, at: datetime) -> Allowed:
    """Decide as the gate did, over what was stored at that moment."""
    knows = _knows(found)
    if found.ended_at is not None and not knows:
        return Allowed(at=at, effective=None, known=None, reasons=None)
    record = hub.records.consent(conn, found.digest, found.statement)
    told = received_at(found.withdrawal) or found.ended_at
    known = _reasons(conn, hub, found, record, ended_at=found.ended_at, at=at)
    effective = _reasons(conn, hub, found, record, ended_at=told, at=at)
    return Allowed(
        at=at,
        effective="deny" if effective else "permit",
        known="deny" if known else "permit",
        reasons=known if knows else None,
    )


def _reasons(
    conn: Connection,
    hub: Hub,
    found: Seen,
    record: ConsentRecord,
    *,
    ended_at: datetime | None,
    at: datetime,
) -> tuple[str, ...]:
    """Return why what the record itself names was denied at `at`; empty: it was not."""
    asked = Asked(
        consent=record.digest,
        sender=min(record.releasers),
        recipients=record.recipients,
        purpose=record.purpose.code,
        category=min(record.categories),
        secrecy=record.secrecy,
        exp=min(at, record.valid_until),
    )
    terms, scope = gate.agreement_of(conn, hub, record.agreement)
    agreed = agreements.lock(conn, record.agreement)
    covers = agreed is not None and in_force(
        terms, agreed.signed, agreed.notices, agreed.ended_at, now=at
    )
    # How often it was used is none of a recipient's business.
    counted = found.role != "recipient"
    facts = standing(
        asked,
        scope,
        in_force=covers,
        used=answers_consent.used_before(conn, record.digest, at) if counted else 0,
        ended_at=ended_at if ended_at is not None and ended_at <= at else None,
        recorded=found.recorded_at <= at,
        vetoed=False,
    )
    decision = decide(asked, record, facts, now=at)
    return tuple(one.value for one in decision.reasons) if isinstance(decision, Deny) else ()


# What happened under it


async def _events(hub: Hub, agency: str, consent: str) -> tuple[tuple[EventSeen, ...], bool]:
    chain = await hub.db.read(consents.chain, consent)
    shown: list[EventSeen] = []
    first, last = 0, -1
    while chain is not None and first != last and len(shown) < MOST:
        last = first
        found, first = await hub.db.read(_window, agency, chain, first)
        shown += found
    return tuple(shown[:MOST]), len(shown) < MOST


def _window(
    conn: Connection, agency: str, chain: str, first: int
) -> tuple[tuple[EventSeen, ...], int]:
    """Return what the agency may open of the next events, and where to go on."""
    found = openings.of_chain(conn, chain, first=first, limit=WINDOW)
    standing_ = openings.standing(conn, agency, found)
    places = answers_entries.indexes(conn, {one.rid for one in found})
    seen = []
    for one in found:
        access = may_open(agency, one, standing_)
        if access.opening:
            event = _event(one, places.get(one.rid))
            seen.append(event if access.detail else replace(event, reasons=()))
    return tuple(seen), found[-1].n + 1 if found else first


def _event(found: Recorded, index: int | None) -> EventSeen:
    event = found.event()
    to = event.get("to", ())
    detail = {} if found.detail is None else loads(found.detail, limit=LARGEST)
    return EventSeen(
        kind=found.kind,
        at=read_time(event["at"]),
        by=event["by"],
        to=(to,) if isinstance(to, str) else tuple(to),
        index=index,
        manifest=event.get("manifest"),
        result=event.get("result"),
        reasons=tuple(detail.get("why", detail.get("reason", "")).split()),
        receipt=found.rid,
    )
