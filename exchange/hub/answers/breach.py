"""What a lost key or account has exposed: exactly the disclosures, consents and statements.

Counts are exact here: the report to the authority needs them (Art. 33(3) GDPR).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from exchange.errors import TooLarge
from exchange.hub import gate
from exchange.hub.answers.entries import Opened, opened
from exchange.hub.answers.frame import Answered, agency_of, newest_head
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements, answers_breach, answers_disclosures
from exchange.hub.storage.answers_breach import ConsentRow
from exchange.hub.storage.answers_disclosures import DisclosureRow
from exchange.hub.storage.keys import GRACE, SKEW
from exchange.hub.storage.reading import Place
from exchange.hub.stored import context_of, said, subject_of
from exchange.members import read_time
from exchange.vocabulary import Body, Secrecy

Kind = Literal["document", "identity", "account"]

WINDOW = 500
"""Rows looked at in one unit of work."""
MOST = 10_000
"""Rows of one answer: some 5 MB."""
REPORT = timedelta(hours=72)
"""Time to report to the authority (Art. 33(1) GDPR)."""
TICK = timedelta(seconds=1)
"""Events state whole seconds: what happened in this one has happened."""
SIGNED = frozenset(
    {
        *("agreement-signed", "agreement-notice", "consent-recorded", "consent-withdrawn"),
        *("request-made", "disclosure-stored", "disclosure-acknowledged", "erasure-confirmed"),
    }
)
"""Kinds of events behind which there is a statement that an agency has signed."""
LOOKS = frozenset({"officer-read", "officer-export"})
RECORDED = frozenset({"consent-recorded"})
STEPS: dict[Kind, tuple[str, ...]] = {
    "document": ("rotate", "senders-seal-again", "inform-persons-when-risk-is-high"),
    "identity": ("succession", "look-through-doubtful", "inform-persons-when-risk-is-high"),
    "account": ("remove-account", "look-through-doubtful", "inform-persons-when-risk-is-high"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The question."""

    kind: Kind
    key: str
    """Fingerprint of a document key, name of an identity key, or id of an account."""
    since: datetime
    until: datetime | None
    """Of an account and an identity: when it was stopped; None is now."""
    noticed_at: datetime
    """When it became known: the time to report begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Openable:
    """A disclosure that was sealed to the key."""

    disclosure: str
    sender: str
    stored_at: datetime
    header_deleted_at: datetime | None
    """None: its header is still at the hub."""
    category: str
    special: bool
    secrecy: str
    consent: str
    """Id of the consent."""
    subject_ref: str


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A consent whose sealed part the key may open."""

    consent: str
    subject_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """An event that rests on a statement which somebody else may have signed, or on a look."""

    kind: str
    at: datetime
    by: str
    statement: str | None
    """Digest of what was signed; of a disclosure its manifest."""
    consent: str | None
    """Id of the consent it is about, if it is about one."""
    subject_ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Exact counts."""

    disclosures: int
    """Openable, those that are so only from a copy included."""
    consents: int
    special: int
    professional_or_higher: int
    agencies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Exactly what is affected, as far as the agency may know."""

    deadline: datetime
    also_notify: tuple[str, ...]
    """`social-data`: also the supervisory authority that § 83a SGB X names."""
    openable: tuple[Openable, ...]
    """Sealed to the key, and its header existed at or after the moment."""
    openable_if_copied: tuple[Openable, ...]
    """The same, but the header was gone before: only who had copied it can read it."""
    sealed_blocks: tuple[SealedBlock, ...]
    """Recorded while the key was in use; which key a block is sealed to the hub cannot see."""
    doubtful: tuple[Doubtful, ...]
    totals: Totals
    next_steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What one kind of question has found."""

    openable: tuple[Openable, ...] = ()
    blocks: tuple[SealedBlock, ...] = ()
    doubtful: tuple[Doubtful, ...] = ()


async def scope_breach(hub: Hub, asker: Officer, wanted: Wanted) -> Answered[Wanted, Breach]:
    """Return what a lost key or account has exposed of the agency's relations.

    An answer with something in it leaves an `officer-export` on the agency's chain before it
    goes out.

    Raises:
        NotPermitted: the asker reads no records.
        TooLarge: more than `MOST` rows.
        Unavailable: the vault is away.
    """
    agency, now = agency_of(asker), hub.clock()
    found = await _find(hub, agency, wanted, now)
    head = newest_head(hub)
    count = len(found.openable) + len(found.blocks) + len(found.doubtful)
    if count:
        size = 0 if head is None else head.size
        await trace.record_export(hub, asker, first=0, until=size, count=count)
    social = await hub.db.read(_is_social, hub, agency)
    before = tuple(one for one in found.openable if _gone_before(one, wanted.since))
    return Answered(
        question="breach",
        agency=agency,
        asked=wanted,
        answered_at=now,
        checkpoint=head,
        answer=Breach(
            deadline=wanted.noticed_at + REPORT,
            also_notify=("social-data",) if social else (),
            openable=tuple(one for one in found.openable if one not in before),
            openable_if_copied=before,
            sealed_blocks=found.blocks,
            doubtful=found.doubtful,
            totals=_totals(found),
            next_steps=STEPS[wanted.kind],
        ),
    )


async def _find(hub: Hub, agency: str, wanted: Wanted, now: datetime) -> _Found:
    latest = now + TICK
    if wanted.kind == "document":
        used = await hub.db.read(answers_breach.time_of, wanted.key)
        blocks: tuple[SealedBlock, ...] = ()
        if used is not None:
            until = latest if used.until is None else used.until + GRACE
            recorded = await _entries(hub, agency, RECORDED, used.since - SKEW, until)
            blocks = await _blocks(hub, used.agency, recorded)
        return _Found(openable=await _sealed_to(hub, agency, wanted.key), blocks=blocks)
    until = latest if wanted.until is None else wanted.until
    if wanted.kind == "account":
        looks = await _entries(hub, agency, LOOKS, wanted.since, until)
        mine = [one for one in looks if one.event["officer"] == wanted.key]
        return _Found(doubtful=await _doubtful(hub, mine))
    owner = await hub.db.read(answers_breach.agency_of, wanted.key)
    signed = await _entries(hub, agency, SIGNED, wanted.since, until)
    return _Found(doubtful=await _doubtful(hub, _rests_on(owner, signed)))


def _gone_before(one: Openable, since: datetime) -> bool:
    return one.header_deleted_at is not None and one.header_deleted_at < since


def _totals(found: _Found) -> Totals:
    consents = {one.consent for one in found.openable}
    consents |= {one.consent for one in found.blocks}
    consents |= {one.consent for one in found.doubtful if one.consent is not None}
    grave = {one.code for one in Secrecy if one >= Secrecy.PROFESSIONAL}
    return Totals(
        disclosures=len(found.openable),
        consents=len(consents),
        special=sum(one.special for one in found.openable),
        professional_or_higher=sum(one.secrecy in grave for one in found.openable),
        agencies=tuple(sorted({one.sender for one in found.openable})),
    )


def _is_social(conn: Connection, hub: Hub, agency: str) -> bool:
    """Tell whether the agency is a body of § 35 SGB I, as its newest agreements have it."""
    for stored in agreements.listed(conn, agency, after=None, limit=WINDOW):
        terms, _ = hub.records.agreement(conn, stored.digest, stored.statement)
        if terms.party(agency).body is Body.SGB35:
            return True
    return False


# Sealed to a document key


async def _sealed_to(hub: Hub, agency: str, key: str) -> tuple[Openable, ...]:
    found: list[Openable] = []
    behind, full = "", True
    while full:
        page = await hub.db.read(_window, hub, agency, key, behind)
        found += page
        full = len(page) == WINDOW
        behind = page[-1].disclosure if page else behind
        _bound(found)
    return tuple(found)


def _window(conn: Connection, hub: Hub, agency: str, key: str, behind: str) -> list[Openable]:
    rows = answers_disclosures.sealed_to(conn, agency, key, behind=behind, limit=WINDOW)
    return [_openable(conn, hub, row) for row in rows]


def _openable(conn: Connection, hub: Hub, row: DisclosureRow) -> Openable:
    context = context_of(row.manifest)
    agreement: str = said(row.consent_statement)["agreement"]
    _, scope = gate.agreement_of(conn, hub, agreement)
    category = scope.vocabulary.categories.get(context.category)
    return Openable(
        disclosure=row.id,
        sender=row.sender,
        stored_at=row.stored_at,
        # Each end of a disclosure deletes its header in the same unit of work.
        header_deleted_at=row.ended_at,
        category=context.category,
        special=category is not None and category.special,
        secrecy=context.secrecy.code,
        consent=row.consent_id,
        subject_ref=subject_of(row.consent_statement),
    )


# Entries of the log


async def _entries(
    hub: Hub, agency: str, kinds: frozenset[str], since: datetime, until: datetime
) -> list[Opened]:
    found: list[Opened] = []
    behind: Place | None = None
    full = True
    while full:
        looked, mine = await hub.db.read(
            opened, agency, kinds, since=since, until=until, behind=behind, limit=WINDOW
        )
        found += mine
        full = len(looked) == WINDOW
        behind = looked[-1] if looked else behind
        _bound(found)
    return found


def _bound(found: Sequence[object]) -> None:
    if len(found) > MOST:
        raise TooLarge("more is affected than one answer holds: ask about a shorter time")


def _rests_on(owner: str | None, signed: Sequence[Opened]) -> list[Opened]:
    """Return what the owner of an identity key has signed, and what depends on it.

    On a consent depend the disclosures under it, whoever has sent them.
    """
    consents = {
        one.event["consent"]
        for one in signed
        if one.kind == "consent-recorded" and one.event["by"] == owner
    }
    return [one for one in signed if one.event["by"] == owner or _under(one) in consents]


def _under(one: Opened) -> str | None:
    return one.event.get("consent") if one.kind == "disclosure-stored" else None


async def _doubtful(hub: Hub, found: Sequence[Opened]) -> tuple[Doubtful, ...]:
    named = await _consents(hub, (one.event.get("consent") for one in found))
    return tuple(_doubt(one, named.get(one.event.get("consent", ""))) for one in found)


def _doubt(one: Opened, consent: ConsentRow | None) -> Doubtful:
    event = one.event
    signed = next(
        (event[name] for name in ("statement", "manifest", "request") if name in event), None
    )
    return Doubtful(
        kind=one.kind,
        at=read_time(event["at"]),
        by=event["by"],
        statement=signed if one.kind != "consent-recorded" else event["consent"],
        consent=None if consent is None else consent.id,
        subject_ref=None if consent is None else subject_of(consent.statement),
    )


async def _blocks(hub: Hub, owner: str, recorded: Sequence[Opened]) -> tuple[SealedBlock, ...]:
    named = await _consents(hub, (one.event["consent"] for one in recorded))
    return tuple(
        SealedBlock(one.id, subject_of(one.statement))
        for one in named.values()
        if owner in one.parties
    )


async def _consents(hub: Hub, digests: Iterable[str | None]) -> dict[str, ConsentRow]:
    wanted = sorted({one for one in digests if one is not None})
    found: dict[str, ConsentRow] = {}
    for first in range(0, len(wanted), WINDOW):
        found |= await hub.db.read(answers_breach.consents_named, wanted[first : first + WINDOW])
    return found
