"""One consent with all that an export proves about it: record, agreement, withdrawals, uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from exchange.agreement.force import check_signature, in_force
from exchange.agreement.reading import read_agreement
from exchange.agreement.record import Agreement
from exchange.agreement.signing import AgreementNotice, read_notice, read_signature
from exchange.consent.decision import Asked, Fate, gives_back
from exchange.consent.record import ConsentRecord, read_consent
from exchange.consent.withdrawal import is_by_code, read_withdrawal
from exchange.envelope.manifest import Manifest, read_manifest
from exchange.errors import Malformed, NotFound
from exchange.statement import Kind
from exchange.verifier.evidence import Evidence, Logged
from exchange.vocabulary import Secrecy
from exchange.wire.acknowledgement import read_acknowledgement
from exchange.wire.asked import asked_by_manifest

CONSENTS = frozenset({Kind.CONSENT, Kind.CONSENT_ELECTRONIC})
AFTER = frozenset({"disclosure-collected", "disclosure-acknowledged", "disclosure-ended"})
"""Kinds of events that decide whether a use still counts."""
WITHDRAWALS = frozenset({Kind.WITHDRAWAL, Kind.WITHDRAWAL_ELECTRONIC})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody wants to know: a disclosure that happened, or one that could have."""

    at: datetime | None = None
    """Aware; None: when the disclosure was stored."""
    disclosure: str | None = None
    """Id of a disclosure, or digest of its manifest."""
    consent: str | None = None
    """Id or digest of a consent, where an export has several."""
    sender: str | None = None
    recipients: frozenset[str] = frozenset()
    purpose: str | None = None
    category: str | None = None
    secrecy: Secrecy | None = None
    """None: the class of the consent."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A withdrawal, twice: when it took effect and when the log knew."""

    effective: datetime
    known: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """An agreement, and what its parties have added to it."""

    agreement: Agreement
    signed: Mapping[str, datetime]
    """When each signature that is here was recorded."""
    notices: tuple[AgreementNotice, ...]
    ended_at: datetime | None
    is_whole: bool
    """Whether every statement that an event names is here."""

    def key_of(self, agency: str) -> str | None:
        """Return the name of a party's key; None for who is no party."""
        keys = {party.agency: party.kid for party in self.agreement.parties}
        return keys.get(agency)

    def is_in_force(self, at: datetime) -> bool:
        """Tell whether it was in force."""
        return in_force(self.agreement, self.signed, self.notices, self.ended_at, now=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What an export proves about one consent. Whatever is None is not here."""

    recorded: Logged
    """Number 0 of its chain."""
    record: ConsentRecord | None
    kid: str | None
    """Name of the key that signed the record."""
    terms: Terms | None
    ended: tuple[Ended, ...]
    stored: Logged | None = None
    """The disclosure that was asked about."""
    manifest: Manifest | None = None
    others: tuple[Logged, ...] = ()
    """Other disclosures under the consent."""
    later: tuple[Logged, ...] = ()
    """What became of those."""
    newest: Logged
    """The last event that the export opens: the log reaches at least to its time."""
    rejected: Mapping[str, str] = field(default_factory=dict)
    """Reasons of rejections by the digest of the acknowledgement."""

    def used(self, at: datetime) -> int:
        """Return the uses that counted at a moment, as far as they are seen here."""
        return sum(self._counts(one, at) for one in self.others if one.at < at)

    def _counts(self, stored: Logged, at: datetime) -> bool:
        name = stored.event["manifest"]
        known = [one for one in self.later if one.event["manifest"] == name and one.at <= at]
        collected = {one.event["by"] for one in known if one.kind == "disclosure-collected"}
        answers = {
            one.event["by"]: self.rejected.get(one.event["statement"])
            for one in known
            if one.kind == "disclosure-acknowledged"
        }
        fates = [
            Fate(collected=agency in collected, rejected_for=answers.get(agency))
            for agency in stored.event["to"]
        ]
        ended = any(one.kind == "disclosure-ended" for one in known)
        is_final = ended or answers.keys() >= set(stored.event["to"])
        return not (is_final and gives_back(fates))


async def find_case(evidence: Evidence, question: Question) -> Case:
    """Return the case that a question is about; every event of it is proven.

    Raises:
        NotFound: the export opens no such consent or disclosure.
        Malformed: the question fits several, or something in the export is another thing.
        LogInvalid, StatementNotAcceptable: something in it is false.
    """
    events = await evidence.events()
    manifest, stored = await _disclosure(evidence, events, question)
    recorded = await _recorded(evidence, events, question, stored)
    digest = recorded.event["consent"]
    ours = [one for one in events if one.event.get("consent") == digest]
    others = tuple(one for one in ours if one.kind == "disclosure-stored" and one != stored)
    named = frozenset(one.event["manifest"] for one in others)
    later = tuple(one for one in events if one.kind in AFTER and one.event["manifest"] in named)
    for one in (*ours, *later, events[-1]):
        await evidence.prove(one)
    found = await evidence.statement(digest, CONSENTS)
    record = None if found is None else read_consent(found)
    terms = await _terms(evidence, events, recorded.event["agreement"])
    return Case(
        recorded=recorded,
        record=record,
        kid=None if found is None else found.kid,
        terms=terms,
        ended=await _ended(evidence, ours, record),
        stored=stored,
        manifest=manifest,
        others=others,
        later=later,
        newest=events[-1],
        rejected={} if terms is None else await _rejected(evidence, later, terms),
    )


def asked_in(case: Case, question: Question, at: datetime) -> Asked | None:
    """Return what `decide` is asked; None where record or manifest are missing.

    Raises:
        Malformed: the question says too little.
    """
    if case.stored is not None:
        return None if case.manifest is None else asked_by_manifest(case.manifest.context)
    if not (question.sender and question.recipients and question.purpose and question.category):
        raise Malformed("name a disclosure, or sender, recipient, purpose and category")
    if case.record is None:
        return None
    return Asked(
        consent=case.record.digest,
        sender=question.sender,
        recipients=question.recipients,
        purpose=question.purpose,
        category=question.category,
        secrecy=case.record.secrecy if question.secrecy is None else question.secrecy,
        exp=at,
    )


async def _disclosure(
    evidence: Evidence, events: Sequence[Logged], question: Question
) -> tuple[Manifest | None, Logged | None]:
    if question.disclosure is None:
        return None, None
    for one in events:
        if one.kind == "disclosure-stored":
            found = await evidence.statement(one.event["manifest"], {Kind.MANIFEST})
            manifest = None if found is None else read_manifest(found)
            ids = {one.event["manifest"], manifest.context.id if manifest else None}
            if question.disclosure in ids:
                await evidence.prove(one)
                return manifest, one
    raise NotFound("the export opens no such disclosure")


async def _recorded(
    evidence: Evidence, events: Sequence[Logged], question: Question, stored: Logged | None
) -> Logged:
    """Return the event that recorded the consent asked about."""
    wanted = question.consent if stored is None else stored.event["consent"]
    found = list[Logged]()
    for one in events:
        if one.kind != "consent-recorded":
            continue
        names = {one.event["consent"]}
        if wanted is not None and wanted not in names:
            data = await evidence.statement(one.event["consent"], CONSENTS)
            names |= set() if data is None else {data.payload["id"]}
        if wanted is None or wanted in names:
            found.append(one)
    if not found:
        raise NotFound("the export opens no such consent")
    if len(found) > 1:
        raise Malformed("the export opens several consents; name one")
    return found[0]


async def _ended(
    evidence: Evidence, events: Sequence[Logged], record: ConsentRecord | None
) -> tuple[Ended, ...]:
    found = list[Ended]()
    for one in events:
        if one.kind == "consent-withdrawn":
            effective = await _effective(evidence, one, record)
            found.append(Ended(min(effective, one.at), one.at))
    return tuple(found)


async def _effective(evidence: Evidence, logged: Logged, record: ConsentRecord | None) -> datetime:
    """Return when a withdrawal reached an agency; without its statement, when it was logged."""
    data = await evidence.raw(logged.event["statement"])
    if data is None or is_by_code(data, logged.event["consent"]):
        return logged.at
    person = None if record is None else record.person_key
    found = await evidence.statement(logged.event["statement"], WITHDRAWALS, person=person)
    if found is None:
        return logged.at
    withdrawal = read_withdrawal(found)
    if withdrawal.consent != logged.event["consent"]:
        raise Malformed("a withdrawal of the export is of another consent")
    return withdrawal.received_at


async def _terms(evidence: Evidence, events: Sequence[Logged], name: str) -> Terms | None:
    """Return the agreement and its standing; None where its statement is missing."""
    found = await evidence.statement(name, {Kind.AGREEMENT})
    if found is None:
        return None
    agreement = read_agreement(found)
    signed, notices = dict[str, datetime](), list[AgreementNotice]()
    ended: datetime | None = None
    is_whole = True
    for one in events:
        if one.event.get("agreement") != name or one.kind == "consent-recorded":
            continue
        await evidence.prove(one)
        if one.kind == "agreement-ended":
            ended = one.at
        elif one.kind == "agreement-signed" and await _is_signed(evidence, agreement, one):
            signed[one.event["by"]] = one.at
        elif one.kind == "agreement-notice" and (given := await _notice(evidence, one)):
            notices.append(given)
        else:
            is_whole = False
    is_whole = is_whole and signed.keys() >= set(agreement.agencies)
    return Terms(
        agreement=agreement,
        signed=signed,
        notices=tuple(notices),
        ended_at=ended,
        is_whole=is_whole,
    )


async def _is_signed(evidence: Evidence, agreement: Agreement, logged: Logged) -> bool:
    """Tell whether the signature of a party is here and right."""
    name, party = logged.event["statement"], logged.event["by"]
    if name == agreement.digest:  # the draft is its drafter's signature
        return bool(party == agreement.drafted_by)
    found = await evidence.statement(name, {Kind.AGREEMENT_SIGNATURE})
    if found is None:
        return False
    signature = read_signature(found)
    check_signature(agreement, signature)
    return bool(signature.agency == party)


async def _notice(evidence: Evidence, logged: Logged) -> AgreementNotice | None:
    found = await evidence.statement(logged.event["statement"], {Kind.AGREEMENT_NOTICE})
    return None if found is None else read_notice(found)


async def _rejected(
    evidence: Evidence, events: Sequence[Logged], terms: Terms
) -> Mapping[str, str]:
    """Return the reasons of rejections, from the recipients' own signed words where they are."""
    found = dict[str, str]()
    for one in events:
        if one.event.get("result") == "rejected":
            answer = await evidence.statement(one.event["statement"], {Kind.ACKNOWLEDGEMENT})
            if answer is not None and terms.key_of(one.event["by"]) == answer.kid:
                reason = read_acknowledgement(answer).reason
                found[one.event["statement"]] = "" if reason is None else reason.value
    return found
