"""The consent record: what one person allowed, exactly as it was signed.

Owns the fields, their types and their one spelling. Whether a record breaks rules of law is asked
of `exchange.consent.check`; whether it covers a disclosure, of `exchange.consent.decision`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from exchange.canonical import Json, b64u
from exchange.errors import Malformed
from exchange.keyid import person_key
from exchange.members import Members, language, write_time
from exchange.statement import Kind, Verified
from exchange.vocabulary import Secrecy, Uses, secrecy

MOST_USES = 999
"""Largest counted number of uses; whoever needs more says `recurring`."""
LARGEST_BLOCK = 160 * 1024
"""Bytes of the sealed subject block: 32 recipients take 51 kB of header, its text a few kB."""


class Form(StrEnum):
    """How the person declared it."""

    WRITTEN = "written"
    ELECTRONIC = "electronic"
    ORAL_MINUTED = "oral-minuted"


class FormReason(StrEnum):
    """Why it was oral."""

    CANNOT_WRITE = "cannot-write"
    URGENT_LOSS = "urgent-loss"
    BY_PHONE = "by-phone"
    REMOTE_INTERPRETER = "remote-interpreter"


class Capacity(StrEnum):
    """Who had to declare it."""

    SELF = "self"
    SELF_AND_GUARDIAN = "self+guardian"
    GUARDIAN = "guardian"


class CapacityBasis(StrEnum):
    """On what ground."""

    RULE = "rule"
    """As a rule: from 15 a person decides herself (§ 36 SGB I)."""
    ASSESSED = "assessed"
    """Insight was judged in a talk and minuted in the evidence."""


class Role(StrEnum):
    """As what somebody signed; a proxy is not among them."""

    SUBJECT = "subject"
    GUARDIAN = "guardian"
    ENTRUSTING = "entrusting"
    """Who entrusted the data, where that is not the subject (§ 65 SGB VIII)."""
    WITNESS = "witness"
    """The second member of staff at an oral consent."""


class Identified(StrEnum):
    """How the collecting agency knew who signed."""

    IN_PERSON = "in-person"
    KNOWN = "known"
    EID = "eid"
    CODE = "code"


class Power(StrEnum):
    """Power to represent; a power of attorney is not among them."""

    PARENT = "parent"
    APPOINTED = "appointed"
    """Vormund."""
    SUPPLEMENTARY = "supplementary"
    """Ergänzungspfleger."""
    OFFICIAL = "official"
    """Amtsvormund, Amtspfleger."""
    CARER = "carer"
    """Betreuer."""


class Custody(StrEnum):
    """Why one parent's signature suffices."""

    SOLE = "sole"
    COURT = "court"
    EVERYDAY = "everyday"
    """§ 1687(1) s. 2 BGB."""


class Interpreter(StrEnum):
    """Who conveyed the text, where it was not in the person's language."""

    NONE = "none"
    PROFESSIONAL = "professional"
    STAFF = "staff"
    ACCOMPANYING = "accompanying"


class EvidenceKind(StrEnum):
    """What the collecting agency keeps."""

    SCAN = "scan"
    MINUTES = "minutes"


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
    """A consent whose signatures were verified; immutable: a change is a withdrawal or a new one."""

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
    raise NotImplementedError


def payload(consent: ConsentRecord) -> dict[str, Json]:
    """Return the members to sign; `read_consent` is the way back."""
    raise NotImplementedError
