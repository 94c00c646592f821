"""Record a consent: seal who it is about, sign once, store, send; and end one again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

from exchange.agency.hand_in import Recorded, hand_in, keep, kept
from exchange.agency.parts import Gateway
from exchange.agency.records import KnownAgreement
from exchange.consent.lint import lint
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
from exchange.envelope.block import seal_block
from exchange.errors import Conflict, Malformed, NotFound
from exchange.keyring.recipient import DocumentRecipient
from exchange.rules import refuse
from exchange.statement import ANY_TIME, Kind, seconds, sign, verify
from exchange.vocabulary import Scope, Secrecy, Uses


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


async def record_consent(gateway: Gateway, draft: ConsentDraft) -> Recorded:
    """Sign a consent that this agency has collected, and record it at the hub.

    Called again with the same draft after an interruption, it sends what was signed then.

    Raises:
        LintRefused: the record breaks rules; nothing was stored or sent.
        Malformed: the draft is no consent, the agreement does not know a word of it, or the form
            is electronic: then the person signs as well, with a key of her own.
        NotFound: no such agreement, or this agency has not signed it.
        Held: the document key of a party is not to be trusted.
        Conflict: another draft was signed under this id.
    """
    data = kept(gateway.home, draft.id)
    if data is None:
        keep(gateway.home, draft.id, await _signed(gateway, draft))
    elif not _says_the_same(gateway, data, draft):
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
    nobody = Subject(ref="", sealed=b"")  # no text names the person
    return notice_of(record_of(gateway, draft, agreement, nobody, now), agreement.scope)


_STATED = (
    *("releasers", "recipients", "onward_from", "categories", "uses", "valid_until", "form"),
    *("form_reason", "capacity", "capacity_basis", "notice", "evidence"),
)
"""What draft and record both say, under one name."""


def _says_the_same(gateway: Gateway, data: bytes, draft: ConsentDraft) -> bool:
    """Return whether what was signed is this draft, besides sealed facts and times of now."""
    kinds, cards = {Kind.CONSENT}, gateway.ring.files.cards()
    record = read_consent(verify(data, kinds, cards, now=ANY_TIME))
    signers = tuple(replace(signer, at=record.collected_at) for signer in record.signers)
    now = tuple(replace(signer, at=record.collected_at) for signer in draft.signers)
    return (
        all(getattr(record, name) == getattr(draft, name) for name in _STATED)
        and record.purpose.code == draft.purpose
        and draft.secrecy in (None, record.secrecy)
        and signers == now
    )


async def _signed(gateway: Gateway, draft: ConsentDraft) -> bytes:
    now = gateway.clock()
    if draft.form is Form.ELECTRONIC:
        raise Malformed("form: an electronic consent is signed by the person as well")
    agreement = await known_agreement(gateway, draft.agreement, now)
    record = record_of(gateway, draft, agreement, await sealed_subject(gateway, draft, now), now)
    data = sign(Kind.CONSENT, payload(record), gateway.identity)
    card = gateway.identity.card
    read = read_consent(verify(data, {Kind.CONSENT}, {card.kid: card}, now=now))
    held = agreement.is_in_force(now) and agreement.is_in_force(draft.collected_at)
    refuse(lint(read, agreement.scope, agreement_held=held, now=now))
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
    """Return the record that a draft becomes.

    Raises:
        Malformed: the agreement has no words for the purpose in the language of the text.
    """
    return ConsentRecord(
        digest="",  # of the statement, which is made from this
        kind=Kind.CONSENT,
        id=draft.id,
        iat=seconds(now),
        agreement=agreement.agreement.digest,
        subject=subject,
        releasers=draft.releasers,
        recipients=draft.recipients,
        onward_from=draft.onward_from,
        categories=draft.categories,
        secrecy=_secrecy(draft, agreement),
        purpose=_purpose(draft, agreement),
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
        collected_by=gateway.agency,
        collected_at=draft.collected_at,
    )


def _secrecy(draft: ConsentDraft, agreement: KnownAgreement) -> Secrecy:
    if draft.secrecy is not None:
        return draft.secrecy
    return max(
        agreement.scope.floor(releaser, category)
        for releaser in draft.releasers
        for category in draft.categories
    )


def _purpose(draft: ConsentDraft, agreement: KnownAgreement) -> StatedPurpose:
    """Return the purpose with the words of the agreement, in the language of the notice."""
    known = agreement.scope.vocabulary.purposes.get(draft.purpose)
    labels: Mapping[str, str] = known.labels if known else {}
    if draft.notice.lang not in labels:
        raise Malformed("purpose: the agreement has no words for it in the language of the notice")
    return StatedPurpose(code=draft.purpose, words=labels[draft.notice.lang])
