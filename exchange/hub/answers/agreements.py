"""The agreements of an agency: who is bound, what may go where, and until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from exchange.agreement.force import in_force
from exchange.agreement.record import Agreement, Flow, Party
from exchange.agreement.term import Renewing, earliest_end, ends_at, notice_deadline
from exchange.days import last_day
from exchange.errors import NotFound, NotPermitted
from exchange.hub.answers.frame import Answered, NoQuestion, agency_of, newest_head
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements
from exchange.hub.storage.agreements import AgreementStanding

State = Literal["proposed", "in-force", "not-begun", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartySeen:
    """A party of an agreement."""

    agency: str
    name: str
    contact: str
    officer: str
    body: str
    secret_keeper: bool
    signed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSeen:
    """What may go from one party to another."""

    sender: str
    recipient: str
    categories: tuple[str, ...]
    secrecy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementSeen:
    """An agreement of the agency."""

    id: str
    digest: str
    title: str
    state: State
    begins: datetime
    ends_at: datetime | None
    """Half open; None while it renews."""
    next_end: datetime | None
    """The first end of a year, half open, for which notice still is in time; None where the
    agreement ends by itself, or has its end."""
    notice_by: datetime | None
    """The first moment at which notice comes too late for `next_end`; None with it."""
    parties: tuple[PartySeen, ...]
    flows: tuple[FlowSeen, ...]
    purposes: tuple[str, ...]


async def list_agreements(
    hub: Hub, asker: Officer, *, after: str | None, limit: int
) -> Answered[NoQuestion, tuple[AgreementSeen, ...]]:
    """Return a page of the agency's agreements. They are about no person.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: the vault is away, and with it the trace.
    """
    agency, now = agency_of(asker), hub.clock()
    found = await hub.db.read(_page, hub, agency, after, limit, now)
    await trace.record_look(hub, asker)
    return Answered(
        question="agreements",
        agency=agency,
        asked=NoQuestion(),
        answered_at=now,
        checkpoint=newest_head(hub),
        answer=found,
        next=found[-1].id if len(found) == limit else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """An agreement as an auditor sees it: who takes part and when, no word of its text."""

    id: str
    digest: str
    state: State
    begins: datetime
    ends_at: datetime | None
    """Half open; None while it renews."""
    parties: tuple[tuple[str, datetime | None], ...]
    """Agencies, each with when it has signed."""


async def list_audited(
    hub: Hub, asker: Officer, *, after: str | None, limit: int
) -> tuple[Audited, ...]:
    """Return agreements whoever's they are, by their ids.

    Raises:
        NotPermitted: the asker is no auditor.
    """
    if asker.role != "auditor":
        raise NotPermitted
    return await hub.db.read(_audited, hub, after, limit)


def _audited(conn: Connection, hub: Hub, after: str | None, limit: int) -> tuple[Audited, ...]:
    now = hub.clock()
    every = [
        _seen(*_read(conn, hub, stored), now)
        for stored in agreements.every(conn, after=after, limit=limit)
    ]
    return tuple(
        Audited(
            id=one.id,
            digest=one.digest,
            state=one.state,
            begins=one.begins,
            ends_at=one.ends_at,
            parties=tuple((party.agency, party.signed_at) for party in one.parties),
        )
        for one in every
    )


def _page(
    conn: Connection, hub: Hub, agency: str, after: str | None, limit: int, now: datetime
) -> tuple[AgreementSeen, ...]:
    return tuple(
        _seen(terms, standing, now)
        for terms, standing in (
            _read(conn, hub, stored)
            for stored in agreements.listed(conn, agency, after=after, limit=limit)
        )
    )


def _read(
    conn: Connection, hub: Hub, stored: agreements.Agreement
) -> tuple[Agreement, AgreementStanding]:
    terms, _ = hub.records.agreement(conn, stored.digest, stored.statement)
    standing = agreements.lock(conn, stored.digest)
    if standing is None:
        raise NotFound
    return terms, standing


def _seen(terms: Agreement, standing: AgreementStanding, now: datetime) -> AgreementSeen:
    end = standing.ended_at or ends_at(terms.term, standing.notices)
    next_end, notice_by = (None, None) if end is not None else _next_end(terms, now)
    return AgreementSeen(
        id=terms.id,
        digest=terms.digest,
        title=terms.title,
        state=_state(terms, standing, end, now),
        begins=terms.term.begins,
        ends_at=end,
        next_end=next_end,
        notice_by=notice_by,
        parties=tuple(party(one, standing.signed.get(one.agency)) for one in terms.parties),
        flows=tuple(flow(one) for one in terms.flows),
        purposes=tuple(sorted(terms.purposes)),
    )


def _state(
    terms: Agreement, standing: AgreementStanding, end: datetime | None, now: datetime
) -> State:
    if in_force(terms, standing.signed, standing.notices, standing.ended_at, now=now):
        return "in-force"
    if end is not None and end <= now:
        return "ended"
    return "not-begun" if terms.agencies <= standing.signed.keys() else "proposed"


def _next_end(terms: Agreement, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return when a renewing agreement can end next, and when notice comes too late for that."""
    if not isinstance(terms.term, Renewing):
        return None, None
    end = earliest_end(terms.term, now)
    return end, notice_deadline(terms.term, last_day(end).year)


def party(one: Party, signed_at: datetime | None) -> PartySeen:
    """Return a party as the other parties see it."""
    return PartySeen(
        agency=one.agency,
        name=one.name,
        contact=one.contact,
        officer=one.officer,
        body=one.body.value,
        secret_keeper=one.secret_keeper,
        signed_at=signed_at,
    )


def flow(one: Flow) -> FlowSeen:
    """Return what may go one way."""
    return FlowSeen(
        sender=one.sender,
        recipient=one.recipient,
        categories=tuple(sorted(one.categories)),
        secrecy=one.secrecy.code,
    )
