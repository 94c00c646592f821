"""Record a consent: seal who it is about, sign once, store, send; and end one again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

from exchange.agency.hand_in import Recorded, hand_in, keep, kept
from exchange.agency.lint_consent import facts_in, findings_of
from exchange.agency.parts import Gateway
from exchange.agency.records import KnownAgreement
from exchange.agency.vet import Scan, vet
from exchange.consent.draft import fix
from exchange.consent.record import (
    ConsentRecord,
    Evidence,
    ShownNotice,
    Signer,
    StatedPurpose,
    Subject,
    payload,
    read_consent,
)
from exchange.consent.render import notice_of
from exchange.consent.subject import SubjectFacts, block
from exchange.consent.words import Capacity, CapacityBasis, Form, FormReason
from exchange.days import day_of, days_after, signed_on
from exchange.envelope.block import seal_block
from exchange.errors import Conflict, Finding, Malformed, NotFound
from exchange.keyring.recipient import DocumentRecipient
from exchange.rules import refuse
from exchange.statement import ANY_TIME, Kind, seconds, sign, verify
from exchange.vocabulary import Scope, Secrecy, Uses

NOBODY = Subject(ref="", sealed=b"")
"""In the place of who it is about: no text and no rule of the record names the person."""

AFTERWARDS = frozenset({"L20", "L21", "L22", "L26"})
"""Rules about what there is only afterwards: evidence, signature, digest of the text shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentDraft:
    """A consent as it was declared on paper or to two members of staff; not yet signed."""

    id: str
    """Version 4 UUID: made with the draft, so that signing it twice records it once."""
    agreement: str
    """Id of the agreement."""
    releasers: frozenset[str]
    recipients: frozenset[str]
    onward_from: frozenset[str]
    categories: frozenset[str]
    secrecy: Secrecy | None
    """None means the lowest class that categories and releasers admit."""
    purpose: str
    uses: Uses
    valid_from: datetime
    valid_until: datetime
    form: Form
    form_reason: FormReason | None
    capacity: Capacity
    capacity_basis: CapacityBasis
    signers: tuple[Signer, ...]
    notice: ShownNotice
    evidence: Evidence | None
    collected_at: datetime
    subject: SubjectFacts = field(repr=False)
    as_of: datetime | None = None
    """Moment that stands where the draft leaves a time open: read later, it is another."""


async def record_consent(
    gateway: Gateway, draft: ConsentDraft, scan: Scan | None = None
) -> Recorded:
    """Sign a consent that this agency has collected, and record it at the hub.

    Called again with the same draft after an interruption, it sends what was signed then.

    Args:
        gateway: the parts.
        draft: as it was declared.
        scan: the file of its evidence; needed where the settings name verifiers of evidence.

    Raises:
        LintRefused: the record breaks rules; nothing was stored or sent.
        Malformed: the draft is no consent, or the form is electronic: then the person signs as
            well, with a key of her own; or a verifier refuses the evidence, or lacks its file.
        NotFound: no such agreement, or this agency has not signed it.
        Held: the document key of a party is not to be trusted.
        Conflict: another draft was signed under this id.
        Unavailable: a verifier of evidence cannot be had now.
    """
    data = kept(gateway.home, draft.id)
    if data is None:
        keep(gateway.home, draft.id, await _signed(gateway, draft, scan))
    elif not await _says_the_same(gateway, data, draft):
        raise Conflict("another draft was signed under this id; give the draft a new id")
    return await hand_in(gateway, draft.id)


async def agreed(gateway: Gateway, agreement_id: str) -> Scope:
    """Return what the agreement with this id admits, and its texts.

    Raises:
        NotFound: no such agreement, or this agency has not signed it.
    """
    return (await known_agreement(gateway, agreement_id, gateway.clock())).scope


async def text_of(gateway: Gateway, draft: ConsentDraft) -> str:
    """Return exactly the text the person is shown before she declares `draft`.

    Raises:
        Malformed: the agreement lacks the text, or a word that the text needs.
        NotFound: no such agreement, or this agency has not signed it.
    """
    now = gateway.clock()
    agreement = await known_agreement(gateway, draft.agreement, now)
    return notice_of(record_of(gateway, draft, agreement, NOBODY, now), agreement.scope)


async def lint_draft(gateway: Gateway, draft: ConsentDraft) -> tuple[Finding, ...]:
    """Return every rule that a draft breaks, before anything is signed or sent.

    Raises:
        NotFound: no such agreement, or this agency has not signed it.
    """
    now = gateway.clock()
    agreement = await known_agreement(gateway, draft.agreement, now)
    record = record_of(gateway, draft, agreement, NOBODY, now)
    if record.form is Form.ELECTRONIC:
        record = as_she_would_sign(record, agreement.scope)
    return await findings_of(gateway, record, agreement, draft.subject, now=now)


async def lint_unsigned(gateway: Gateway, draft: ConsentDraft) -> tuple[Finding, ...]:
    """Return what a draft breaks before anybody has read or signed its text.

    Nobody should sign what could never be recorded. What is known only afterwards is not asked:
    the evidence, the digest of the text, and who it is about.

    Raises:
        NotFound: no such agreement, or this agency has not signed it.
    """
    now = gateway.clock()
    agreement = await known_agreement(gateway, draft.agreement, now)
    record = record_of(gateway, draft, agreement, NOBODY, now)
    found = await findings_of(gateway, record, agreement, None, now=now)
    return tuple(finding for finding in found if finding.id not in AFTERWARDS)


def as_she_would_sign(record: ConsentRecord, scope: Scope) -> ConsentRecord:
    """Return an electronic draft with stand-ins for her key and signature, as she would read it."""
    try:
        return fix(record, scope, at=record.collected_at).record
    except Malformed:  # a word is missing: the findings say more
        return record


async def _says_the_same(gateway: Gateway, data: bytes, draft: ConsentDraft) -> bool:
    """Return whether what was signed is this draft, member by member, and about this person."""
    cards = gateway.ring.files.cards()
    record = read_consent(verify(data, {Kind.CONSENT}, cards, now=ANY_TIME))
    agreement = await known_agreement(gateway, draft.agreement, gateway.clock())
    dated = _dated(draft, record.collected_at)
    again = record_of(gateway, dated, agreement, record.subject, gateway.clock())
    return (
        payload(replace(again, iat=record.iat)) == payload(record)
        and facts_in(gateway, record) == draft.subject
    )


def _dated(draft: ConsentDraft, signed_at: datetime) -> ConsentDraft:
    """Return the draft with the moment it was signed in the place of times it leaves open.

    A paper that bears only a date counts from the entry on its own day, from noon on another.
    """
    noon = signed_on(day_of(signed_at), now=days_after(signed_at, 1))

    def dated(moment: datetime) -> datetime:
        return signed_at if moment in (draft.as_of, noon) else moment

    return replace(
        draft,
        collected_at=dated(draft.collected_at),
        valid_from=dated(draft.valid_from),
        signers=tuple(replace(signer, at=dated(signer.at)) for signer in draft.signers),
    )


async def _signed(gateway: Gateway, draft: ConsentDraft, scan: Scan | None) -> bytes:
    now = gateway.clock()
    if draft.form is Form.ELECTRONIC:
        raise Malformed(
            "form: an electronic consent is signed by the person first: exchange consent invite"
        )
    agreement = await known_agreement(gateway, draft.agreement, now)
    record = record_of(gateway, draft, agreement, NOBODY, now)
    refuse(await findings_of(gateway, record, agreement, draft.subject, now=now))
    await vet(gateway, draft.evidence, scan)
    sealed = replace(record, subject=await sealed_subject(gateway, draft, now))
    data = sign(Kind.CONSENT, payload(sealed), gateway.identity)
    card = gateway.identity.card
    # Read back as the hub will read it: what cannot be read again is never stored.
    read_consent(verify(data, {Kind.CONSENT}, {card.kid: card}, now=now))
    return data


async def known_agreement(gateway: Gateway, agreement_id: str, now: datetime) -> KnownAgreement:
    """Return the verified agreement with this id.

    Raises:
        NotFound: no such agreement, or this agency has not signed it.
    """
    given = await gateway.client.agreement(agreement_id)
    known = await gateway.records.agreement(given.agreement, now=now)
    if known is None:
        raise NotFound("this agency has not signed the agreement")
    return known


async def sealed_subject(gateway: Gateway, draft: ConsentDraft, now: datetime) -> Subject:
    """Seal who it is about to the collector, the releasers and the recipients."""
    parties = draft.releasers | draft.recipients
    keys: list[DocumentRecipient] = [gateway.ring.current().key.recipient]
    for agency in sorted(parties - {gateway.agency}):
        keys.append((await gateway.partners.key_of(agency, now=now)).recipient)
    ref = str(uuid4())
    return Subject(ref=ref, sealed=seal_block(block(draft.id, ref, draft.subject), keys))


def record_of(
    gateway: Gateway,
    draft: ConsentDraft,
    agreement: KnownAgreement,
    subject: Subject,
    now: datetime,
) -> ConsentRecord:
    """Return the record that a draft becomes at this agency, which has collected it."""
    return drafted(draft, agreement.scope, gateway.agency, subject, now)


def drafted(
    draft: ConsentDraft, scope: Scope, collector: str, subject: Subject, now: datetime
) -> ConsentRecord:
    """Return the record that a draft becomes; where the agreement has no word, there is none."""
    return ConsentRecord(
        digest="",  # of the statement, which is made from this
        kind=Kind.CONSENT,
        id=draft.id,
        iat=seconds(now),
        agreement=scope.agreement,
        subject=subject,
        releasers=draft.releasers,
        recipients=draft.recipients,
        onward_from=draft.onward_from,
        categories=draft.categories,
        secrecy=_secrecy(draft, scope),
        purpose=_purpose(draft, scope),
        uses=draft.uses,
        valid_from=draft.valid_from,
        valid_until=draft.valid_until,
        form=draft.form,
        form_reason=draft.form_reason,
        capacity=draft.capacity,
        capacity_basis=draft.capacity_basis,
        signers=draft.signers,
        notice=draft.notice,
        evidence=draft.evidence,
        person_key=None,
        collected_by=collector,
        collected_at=draft.collected_at,
    )


def _secrecy(draft: ConsentDraft, scope: Scope) -> Secrecy:
    if draft.secrecy is not None:
        return draft.secrecy
    floors = [
        scope.floor(releaser, category)
        for releaser in draft.releasers & scope.parties.keys()
        for category in draft.categories & scope.vocabulary.categories.keys()
    ]
    return max(floors, default=Secrecy.PERSONAL)


def _purpose(draft: ConsentDraft, scope: Scope) -> StatedPurpose:
    """Return the purpose with the words of the agreement, in the language of the notice."""
    known = scope.vocabulary.purposes.get(draft.purpose)
    labels: Mapping[str, str] = known.labels if known else {}
    return StatedPurpose(code=draft.purpose, words=labels.get(draft.notice.lang, ""))
