"""The consent record: what one person allowed, exactly as it was signed.

Owns the fields, their types and their one spelling. Whether a record breaks rules of law is asked
of `exchange.consent.lint`; whether it covers a disclosure, of `exchange.consent.decision`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from exchange.canonical import Json, b64u
from exchange.consent.words import (
    Capacity,
    CapacityBasis,
    Custody,
    EvidenceKind,
    Form,
    FormReason,
    Identified,
    Interpreter,
    Power,
    Role,
)
from exchange.errors import Malformed
from exchange.keyid import ED25519_SIZE, person_key
from exchange.members import Members, language, version, write_time
from exchange.rules import refused
from exchange.statement import Kind, Verified
from exchange.vocabulary import Secrecy, Uses, secrecy

MOST_AGENCIES = 16
"""Releasers, and recipients, of one record; one recipient is the default."""
MOST_SOURCES = 8
"""Agencies whose documents may be passed on."""
MOST_CATEGORIES = 12
"""Kinds of documents; more than six already deserve a second look."""
MOST_SIGNERS = 5
"""Subject, two guardians, one who entrusted, a witness."""
MOST_PAGES = 999
"""Pages of a scan or of minutes."""
MOST_USES = 999
"""Largest counted number of uses; whoever needs more says `recurring`."""
LARGEST_BLOCK = 160 * 1024
"""Bytes of the sealed subject block: 32 recipients take 51 kB of header, its text a few kB."""

_Word = TypeVar("_Word", Role, Power)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom it is about: a reference without meaning, and who that is, sealed to the parties."""

    ref: str
    """Version 4 UUID, fresh for each consent: two consents of one person do not link."""
    sealed: bytes
    """age file with the subject block; the hub cannot open it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedPurpose:
    """The purpose, with the words that were shown."""

    code: str
    words: str
    """Catalogue text for `code` in the language of the notice, character for character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """One person who signed; never a name."""

    role: Role
    at: datetime
    identified: Identified
    entrusting: bool = False
    """Subject only: what she entrusted herself is covered."""
    power: Power | None = None
    """Guardian only, and always there."""
    power_until: datetime | None = None
    """Guardian only: end ordered by a court; never of a parent, it would be the birthday."""
    areas_checked: bool = False
    """Carer only: the document with the areas of duty was seen and covers this."""
    custody: Custody | None = None
    """Parent only."""
    office: str | None = None
    """Official guardian only: agency id of the guardian's office."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownNotice:
    """The text the person read or heard."""

    id: str
    version: str
    """`major.minor`."""
    lang: str
    sha256: str
    """Hex digest of exactly the text shown, as `sha256sum` prints it."""
    interpreter: Interpreter


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The scan or minutes that the collecting agency keeps."""

    sha256: str
    kind: EvidenceKind
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """A consent whose signatures were verified. Immutable: a change is another statement."""

    digest: str
    """Digest of the signed statement: how manifests, withdrawals and the log name it."""
    kind: Kind
    id: str
    iat: int
    """Seconds since 1970."""
    agreement: str
    """Digest of the agreement it lives under; later amendments never widen it."""
    subject: Subject
    releasers: frozenset[str]
    """Who may disclose."""
    recipients: frozenset[str]
    """To whom. Direction matters: "both ways" is two records."""
    onward_from: frozenset[str]
    """Agencies whose documents, once received by a releaser, may be passed on."""
    categories: frozenset[str]
    secrecy: Secrecy
    """Highest class released."""
    purpose: StatedPurpose
    uses: Uses
    valid_from: datetime
    valid_until: datetime
    """Half open: the first moment at which it no longer holds."""
    form: Form
    form_reason: FormReason | None
    capacity: Capacity
    capacity_basis: CapacityBasis
    signers: tuple[Signer, ...]
    notice: ShownNotice
    evidence: Evidence | None
    person_key: bytes | None
    """32 bytes, raw Ed25519; present exactly in form `electronic`."""
    collected_by: str
    collected_at: datetime


def read_consent(verified: Verified) -> ConsentRecord:
    """Return the record in a statement whose signatures `statement.verify` has accepted.

    Raises:
        Malformed: another kind of statement, an unknown, missing or wrongly typed member, a list
            that is not sorted, or a `form` that does not agree with the kind (rule L46).
    """
    if verified.kind not in (Kind.CONSENT, Kind.CONSENT_ELECTRONIC):
        raise Malformed("not a consent")
    return read_payload(verified.payload, verified.kind, digest=verified.digest)


def read_payload(signable: Mapping[str, Any], kind: Kind, *, digest: str) -> ConsentRecord:
    """Return the record in a payload that is verified already, or that nobody has signed yet.

    Args:
        signable: the members of the record.
        kind: of the statement it is, or will be.
        digest: of that statement; empty while there is none.

    Raises:
        Malformed: as `read_consent`.
    """
    members = Members(signable)
    form = members.word("form", Form)
    # Whether the person signs is part of `typ`, which no attacker can change after signing.
    if (form is Form.ELECTRONIC) != (kind is Kind.CONSENT_ELECTRONIC):
        raise Malformed("form: does not agree with the kind of statement")
    subject, purpose = members.object("subject"), members.object("purpose")
    found = ConsentRecord(
        digest=digest,
        kind=kind,
        id=members.uuid("id"),
        iat=members.seconds("iat"),
        agreement=members.digest("agreement"),
        subject=Subject(ref=subject.uuid("ref"), sealed=_block(subject)),
        releasers=members.agencies("releasers", 1, MOST_AGENCIES),
        recipients=members.agencies("recipients", 1, MOST_AGENCIES),
        onward_from=members.agencies("onward_from", 0, MOST_SOURCES),
        categories=members.codes("categories", 1, MOST_CATEGORIES),
        secrecy=members.take("secrecy", secrecy),
        purpose=StatedPurpose(code=purpose.code("code"), words=purpose.text("words")),
        uses=members.take("uses", read_uses),
        valid_from=members.time("valid_from"),
        valid_until=members.time("valid_until"),
        form=form,
        form_reason=_form_reason(members, form),
        capacity=members.word("capacity", Capacity),
        capacity_basis=members.word("capacity_basis", CapacityBasis),
        signers=_signers(members),
        notice=_notice(members.object("notice")),
        evidence=_evidence(members, form),
        person_key=_person_key(members, form),
        collected_by=members.agency("collected_by"),
        collected_at=members.time("collected_at"),
    )
    for read in (subject, purpose, members):
        read.end()
    return found


def _block(subject: Members) -> bytes:
    sealed = subject.raw("sealed")
    if not 1 <= len(sealed) <= LARGEST_BLOCK:
        raise Malformed(f"subject.sealed: not 1 to {LARGEST_BLOCK} bytes")
    return sealed


def _signers(members: Members) -> tuple[Signer, ...]:
    signers = tuple(_signer(signer) for signer in members.objects("signers", 1, MOST_SIGNERS))
    # Two parents may sign in the same minute: equal entries are two people, so repetition is fine.
    if list(signers) != sorted(signers, key=_place):
        raise Malformed("signers: not sorted by role and time")
    return signers


def _place(signer: Signer) -> tuple[int, datetime]:
    return list(Role).index(signer.role), signer.at


def read_uses(value: object) -> Uses:
    """Return how often a consent may be used, as a record or a draft says it.

    Raises:
        Malformed: not once, recurring or a number from 2.
    """
    if value == "once":
        return 1
    if value == "recurring":
        return "recurring"
    if isinstance(value, int) and not isinstance(value, bool) and 1 < value <= MOST_USES:
        return value
    raise Malformed(f"not once, recurring or an integer from 2 to {MOST_USES}")


def _form_reason(members: Members, form: Form) -> FormReason | None:
    if form is not Form.ORAL_MINUTED or not members.has("form_reason"):
        return None  # present with another form it stays unread, and `end` refuses it
    return members.word("form_reason", FormReason)


def _evidence(members: Members, form: Form) -> Evidence | None:
    if form is Form.ELECTRONIC or not members.has("evidence"):
        return None
    evidence = members.object("evidence")
    found = Evidence(
        sha256=evidence.sha256("sha256"),
        kind=evidence.word("kind", EvidenceKind),
        pages=evidence.integer("pages", 1, MOST_PAGES),
    )
    evidence.end()
    return found


def _person_key(members: Members, form: Form) -> bytes | None:
    if form is not Form.ELECTRONIC:
        return None
    return person_key(members.raw("person_key", size=ED25519_SIZE))


def _notice(notice: Members) -> ShownNotice:
    found = ShownNotice(
        id=notice.code("id"),
        version=notice.take("version", version),
        lang=notice.take("lang", language),
        sha256=notice.sha256("sha256"),
        interpreter=notice.word("interpreter", Interpreter),
    )
    notice.end()
    return found


def _signer(signer: Members) -> Signer:
    role = admitted(signer, "role", Role)
    power = admitted(signer, "power", Power) if role is Role.GUARDIAN else None
    ends = power not in (None, Power.PARENT) and signer.has("power_until")
    shared = power is Power.PARENT and signer.has("custody")
    official = power is Power.OFFICIAL and signer.has("office")
    found = Signer(
        role=role,
        at=signer.time("at"),
        identified=signer.word("identified", Identified),
        entrusting=role is Role.SUBJECT and _said(signer, "entrusting"),
        power=power,
        power_until=signer.time("power_until") if ends else None,
        areas_checked=power is Power.CARER and _said(signer, "areas_checked"),
        custody=signer.word("custody", Custody) if shared else None,
        office=signer.agency("office") if official else None,
    )
    signer.end()  # a member that does not belong to this role or power was not read
    return found


def admitted(signer: Members, name: str, among: type[_Word]) -> _Word:
    """Return a role or a power of the closed list.

    Raises:
        LintRefused: L37, another word: whoever that is, a proxy cannot consent.
        Malformed: it is missing.
    """
    given = signer.has(name)
    try:
        return signer.word(name, among)
    except Malformed:
        if given:
            raise refused("L37", signer.path(name)) from None
        raise


def _said(signer: Members, name: str) -> bool:
    """Read a member that is `true` or absent: one spelling for a no."""
    if not signer.has(name):
        return False
    if not signer.flag(name):
        raise Malformed(f"{signer.path(name)}: left out instead of false")
    return True


def payload(consent: ConsentRecord) -> dict[str, Json]:
    """Return the members to sign; `read_consent` is the way back."""
    written: dict[str, Json] = {
        "id": consent.id,
        "iat": consent.iat,
        "agreement": consent.agreement,
        "subject": {"ref": consent.subject.ref, "sealed": b64u(consent.subject.sealed)},
        "releasers": sorted(consent.releasers),
        "recipients": sorted(consent.recipients),
        "onward_from": sorted(consent.onward_from),
        "categories": sorted(consent.categories),
        "secrecy": consent.secrecy.code,
        "purpose": {"code": consent.purpose.code, "words": consent.purpose.words},
        "uses": "once" if consent.uses == 1 else consent.uses,
        "valid_from": write_time(consent.valid_from),
        "valid_until": write_time(consent.valid_until),
        "form": consent.form.value,
        "form_reason": consent.form_reason and consent.form_reason.value,
        "capacity": consent.capacity.value,
        "capacity_basis": consent.capacity_basis.value,
        "signers": [_signer_payload(signer) for signer in consent.signers],
        "notice": {
            "id": consent.notice.id,
            "version": consent.notice.version,
            "lang": consent.notice.lang,
            "sha256": consent.notice.sha256,
            "interpreter": consent.notice.interpreter.value,
        },
        "evidence": _evidence_payload(consent.evidence) if consent.evidence else None,
        "person_key": consent.person_key and b64u(consent.person_key),
        "collected_by": consent.collected_by,
        "collected_at": write_time(consent.collected_at),
    }
    return {name: value for name, value in written.items() if value is not None}


def _evidence_payload(evidence: Evidence) -> dict[str, Json]:
    return {"sha256": evidence.sha256, "kind": evidence.kind.value, "pages": evidence.pages}


def _signer_payload(signer: Signer) -> dict[str, Json]:
    written: dict[str, Json] = {
        "role": signer.role.value,
        "at": write_time(signer.at),
        "identified": signer.identified.value,
        "entrusting": signer.entrusting or None,
        "power": signer.power and signer.power.value,
        "power_until": write_time(signer.power_until) if signer.power_until else None,
        "areas_checked": signer.areas_checked or None,
        "custody": signer.custody and signer.custody.value,
        "office": signer.office,
    }
    return {name: value for name, value in written.items() if value is not None}
