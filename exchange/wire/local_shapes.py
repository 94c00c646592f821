"""Shapes of the gateway's local API: what a back office on the same machine reads and writes.

Here there is plaintext: who a consent is about, and the names of files. Nothing of it leaves the
machine. Codes are those of the agreement's vocabulary; days are German days, times are UTC.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from exchange.consent.withdrawal import By, Channel, EndReason
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
from exchange.wire.erasure import Ground
from exchange.wire.fields import AgencyId, Code, Digest, Id, Lang, Moment, Sha256
from exchange.wire.shapes import Finding, Shape, Text

Name = Annotated[str, Field(min_length=1, max_length=255)]
"""Name of a file; whatever it is, it becomes one that every recipient admits."""
MediaType = Annotated[
    str, Field(pattern="^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$", max_length=128)
]
Words = Annotated[str, Field(min_length=1, max_length=4000)]
PluginKey = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,62}$")]


class FilePath(Text):
    """Path of one file of a document."""

    id: Id
    n: Annotated[int, Field(ge=0, le=99_999)]


class EventsQuery(Text):
    """What has happened after a number; `wait` seconds for something new (long poll)."""

    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    wait: Annotated[int, Field(ge=0, le=60)] = 0


# Status and events


class Status(Shape):
    """How the gateway stands, in numbers."""

    agency: AgencyId
    stopped: bool
    """The hub has shown two histories of its log: nothing is exchanged until people have looked."""
    sent: dict[str, int]
    """Disclosures of this agency, by state."""
    received: dict[str, int]
    """Documents for this agency, by state."""
    held: int
    """Documents that a check has stopped at the hub."""
    quarantine: int
    erasures: int
    """Requests to erase that wait for people."""
    requests: int
    """Requests of partners that wait for an answer."""
    newest_event: int


class Event(Shape):
    """Something that happened."""

    number: int
    kind: str
    of: Id
    at: Moment
    folder: str | None = None
    reason: str | None = None


class Events(Shape):
    """Events in the order in which they became true; `next` is the next `after`."""

    events: tuple[Event, ...]
    next: int


# Documents that came in


class DocumentFile(Shape):
    """A file of a received document, as the intake format has made it."""

    n: int
    """Its place in the path of its content."""
    name: str
    """Path within the folder, slashes between."""
    size: int


class Document(Shape):
    """A received document that waits in the spool."""

    id: Id
    sender: AgencyId
    consent_id: Id
    purpose: Code
    category: Code
    secrecy: str
    sent_at: Moment
    received_at: Moment
    folder: str
    """Name of its folder in the spool."""
    fetched: bool
    files: tuple[DocumentFile, ...]


class Documents(Shape):
    """A page of documents, oldest first."""

    documents: tuple[Document, ...]
    next: Id | None = None


class AsideFile(Shape):
    """A file of a document in quarantine, as its sender names it."""

    n: int
    name: str
    media_type: str
    size: int


class Explained(Shape):
    """Words for people, German and English."""

    de: str
    en: str


class Aside(Shape):
    """A document in quarantine."""

    id: Id
    sender: AgencyId
    reason: str
    """Codes, with `, ` between them."""
    explained: Explained
    """Why it lies there, and what to do next."""
    until: Moment
    """When it is removed if nobody does anything."""
    may_be_released: bool
    files: tuple[AsideFile, ...]


class Quarantine(Shape):
    """Everything in quarantine, oldest first."""

    documents: tuple[Aside, ...]


class Released(Shape):
    """A document that was let out of quarantine."""

    id: Id
    folder: str


class Rejected(Shape):
    """A document that was removed from quarantine."""

    id: Id


# What is sent


class SubmittedFile(Shape):
    """The one file behind a line of JSON."""

    name: Name
    media_type: MediaType = "application/octet-stream"


class Submission(Shape):
    """What is to be sent; its files follow."""

    consent: Id
    recipients: tuple[AgencyId, ...] = Field(min_length=1, max_length=32)
    category: Code | None = None
    """Kind of document; left out only with `outgoing`, where the export says it."""
    secrecy: Literal["personal", "social", "professional", "entrusted"] | None = None
    remark: Words | None = None
    reference: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    joint: bool = False
    """One disclosure for all recipients together; each then learns of the others."""
    outgoing: PluginKey | None = None
    """Outgoing format that reads the files as an export, such as `xdomea`."""
    profile: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """What the files promise the recipient besides being files; it must read this profile."""
    replaces: Id | None = None
    answers: Id | None = None
    onward_of: tuple[Id, ...] = Field(default=(), max_length=32)
    seen_by_person: bool = False
    third_party: bool = False
    """The files also tell of other persons, inseparably."""
    file: SubmittedFile | None = None
    """Exactly where one file follows the line; in multipart, each part says it of itself."""


class Disclosure(Shape):
    """Something this agency sends, and how far it has come."""

    id: Id
    state: Literal[
        "sealed", "lodged", "stored", "collected", "acknowledged", "expired", "ended", "refused"
    ]
    consent: Digest
    recipients: tuple[AgencyId, ...]
    size: int
    """Bytes of the sealed document."""
    sent_at: Moment
    expires_at: Moment
    stored_at: Moment | None = None
    collected_at: Moment | None = None
    result: str | None = None
    reason: str | None = None


class Disclosures(Shape):
    """A page of disclosures, oldest first."""

    disclosures: tuple[Disclosure, ...]
    next: Id | None = None


# Consents


class GivenSigner(Shape):
    """Who has signed on paper, and how the office knows."""

    role: Role
    identified: Identified
    at: Moment | None = None
    entrusting: bool = False
    power: Power | None = None
    power_until: date | None = None
    areas_checked: bool = False
    custody: Custody | None = None
    office: AgencyId | None = None


class GivenNotice(Shape):
    """The text the person was shown: `sha256` as `POST /v1/consents/text` answered it."""

    id: Code
    version: Annotated[str, Field(min_length=1, max_length=32)]
    lang: Lang
    sha256: Sha256 | None = None
    interpreter: Interpreter = Interpreter.NONE


class GivenEvidence(Shape):
    """The scan or the minutes; they stay with this agency, only the digest is recorded."""

    sha256: Sha256
    kind: EvidenceKind
    pages: Annotated[int, Field(ge=1, le=999)]


class Guardian(Shape):
    """Who may speak for the person."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    power: Power


class Person(Shape):
    """Who the consent is about; sealed to the parties, the hub never sees it."""

    family_name: Annotated[str, Field(min_length=1, max_length=200)]
    given_name: Annotated[str, Field(min_length=1, max_length=200)]
    born: date
    particulars: Words | None = None
    case_numbers: dict[str, str] = Field(default_factory=dict, max_length=32)
    guardians: tuple[Guardian, ...] = Field(default=(), max_length=4)


class ConsentDraft(Shape):
    """A consent as it was declared on paper or orally."""

    id: Id
    """Version 4 UUID of the caller: with the same one it is recorded once."""
    agreement: Id
    releasers: tuple[AgencyId, ...] = Field(min_length=1, max_length=16)
    recipients: tuple[AgencyId, ...] = Field(min_length=1, max_length=16)
    onward_from: tuple[AgencyId, ...] = Field(default=(), max_length=8)
    categories: tuple[Code, ...] = Field(min_length=1, max_length=12)
    secrecy: Literal["personal", "social", "professional", "entrusted"] | None = None
    purpose: Code
    uses: Literal["once", "recurring"] | Annotated[int, Field(ge=1, le=10_000)]
    valid_from: date | None = None
    """First day; from the signature on, if not given."""
    valid_until: date
    """Up to and including this day."""
    form: Form
    form_reason: FormReason | None = None
    capacity: Capacity = Capacity.SELF
    capacity_basis: CapacityBasis = CapacityBasis.RULE
    collected_at: Moment | None = None
    """Of the last signature; now, if not given."""
    signers: tuple[GivenSigner, ...] = Field(min_length=1, max_length=5)
    notice: GivenNotice
    evidence: GivenEvidence | None = None
    subject: Person | None = None
    """Needed to record; not needed for the text and the form."""


class ConsentText(Shape):
    """Exactly what the person has to read or hear before she declares anything."""

    text: str
    sha256: Sha256
    findings: tuple[Finding, ...]
    """Rules that a draft like this would break: none of them, and it can be recorded."""


class ConsentRecorded(Shape):
    """A consent that the hub has recorded."""

    id: Id
    consent: Digest
    code: str | None = None
    """Opens the person's page. Shown once, on paper, to her alone; None: it was recorded before."""
    log_key: str | None = None
    """Finds her entries in the log; as `code`."""


class Consent(Shape):
    """A consent that this agency may read."""

    id: Id
    consent: Digest
    state: Literal["valid", "not-yet", "ended"]
    reason: str | None = None
    purpose: Code
    words: str
    """Of the purpose, as the person was shown them."""
    categories: tuple[Code, ...]
    secrecy: str
    releasers: tuple[AgencyId, ...]
    recipients: tuple[AgencyId, ...]
    uses: str
    used: int | None = None
    form: str
    valid_from: Moment
    valid_until: Moment
    collected_by: AgencyId
    collected_at: Moment
    subject: Person | None = None
    """None where this agency cannot read it: it is no party of the sealed block."""


class ConsentEntry(Shape):
    """A consent in a list: its record is read one by one."""

    id: Id
    consent: Digest
    state: Literal["valid", "not-yet", "ended"]


class Consents(Shape):
    """A page of the consents this agency may read."""

    consents: tuple[ConsentEntry, ...]
    next: Digest | None = None


class Withdrawal(Shape):
    """What the person, or this agency, has said."""

    by: By
    channel: Channel
    received_at: Moment | None = None
    """When it reached this agency; now, if not given."""
    reason: EndReason | None = None
    """Exactly when the collecting agency ends the consent itself."""


class Withdrawn(Shape):
    """A consent that has ended; from now on nothing is released under it."""

    id: Id
    ended_at: Moment


# Requests


class RequestDraft(Shape):
    """What this agency needs of a partner."""

    id: Id
    """Version 4 UUID of the caller: with the same one it is asked once."""
    to: AgencyId
    agreement: Id
    consent: Id | None = None
    """None asks the partner to seek one."""
    purpose: Code
    categories: tuple[Code, ...] = Field(min_length=1, max_length=12)
    until: date
    """Last day on which an answer helps; at most 30 days ahead."""
    needed: Words
    why: Words
    subject: Person


class Asked(Shape):
    """A request that was handed in; the answer is a document that names it, or silence."""

    id: Id
    open_until: Moment


class Request(Shape):
    """What a partner asks of this agency."""

    id: Id
    agency: AgencyId
    purpose: Code
    categories: tuple[Code, ...]
    open_until: Moment
    consent: Id | None = None
    needed: str
    why: str
    subject: Person | None = None


class Requests(Shape):
    """What waits for an answer, the most urgent first."""

    requests: tuple[Request, ...]


# Erasures


class Erasure(Shape):
    """A request to erase that waits for people."""

    id: Id
    consent: Digest
    due: Moment


class Erasures(Shape):
    """What waits, the most urgent first."""

    erasures: tuple[Erasure, ...]


class Confirmation(Shape):
    """What became of what had been taken out of the spool. Without a ground, all is erased."""

    kept: Ground | None = None
    until: date | None = None
    """Last day something is kept; exactly with `kept`."""
    passed_on: tuple[AgencyId, ...] = Field(default=(), max_length=32)
    """Agencies that lawfully got it from here; each is asked in turn."""


class Confirmed(Shape):
    """A request to erase that is answered."""

    id: Id
