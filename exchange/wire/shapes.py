"""Shapes of what crosses the wire beside signed statements: pydantic models, strict and frozen.

Shapes never go deeper than `hub.http` and `agency.client`; there they become core values.
A signed statement travels as one string, because its exact bytes are what was signed.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from exchange.wire.fields import (
    AgencyId,
    Code,
    Cursor,
    Digest,
    Id,
    LogKey,
    Moment,
    ReceiptPath,
    Sha256,
    Shown,
    Statement,
)


class Shape(BaseModel):
    """Base of everything that crosses the wire as JSON."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Text(BaseModel):
    """Base of path and query parameters: they arrive as text, so numbers are converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AgencyPath(Text):
    """Path of one agency."""

    id: AgencyId


class IdPath(Text):
    """Path of one agreement, consent, disclosure or erasure."""

    id: Id


class Page(Text):
    """Paging of a list: after an opaque cursor, at most so many rows."""

    after: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Given(Shape):
    """A signed statement handed in."""

    statement: Statement


class Token(Shape):
    """Answer of the token endpoint (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


def _untold(value: object) -> bool:
    return value is None


class PluginDeclared(Shape):
    """What a plugin says of itself; never an address: kinds of systems, in words."""

    licence: Annotated[Shown, Field(min_length=1, max_length=128)]
    """SPDX expression."""
    sees_plaintext: bool
    endpoints: Annotated[
        tuple[Annotated[Shown, Field(min_length=1, max_length=128)], ...], Field(max_length=16)
    ]
    """Kinds of systems it speaks with, such as `mail server of the agency`."""
    stores: Annotated[Shown, Field(max_length=500)]
    """What it keeps beyond one document; empty: nothing."""
    retention: Annotated[Shown, Field(max_length=200)]
    """How long; empty where it keeps nothing."""


class PluginTold(Shape):
    """A plugin that a gateway runs, for the record of processing of its agreements."""

    name: Annotated[Shown, Field(min_length=1, max_length=64)]
    distribution: Annotated[Shown, Field(min_length=1, max_length=128)]
    version: Annotated[Shown, Field(max_length=64)]
    """As installed; empty where it is not."""
    provides: tuple[Literal["intake", "delivery", "outgoing", "evidence"], ...]
    declared: PluginDeclared | None = Field(default=None, exclude_if=_untold)
    """Absent: a gateway that does not tell, or cannot: a plugin that does not start."""


class Capabilities(Shape):
    """What an agency can receive; senders see it before they seal."""

    profiles: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=64)
    """What packages for this agency may promise, such as `files/1`."""
    max_size: Annotated[int, Field(ge=1)]
    """Largest sealed document in bytes."""
    media_types: tuple[Annotated[str, Field(max_length=128)], ...] = Field(
        default=(), max_length=128
    )
    """Media types accepted; empty means any."""
    name_alphabet: Annotated[str, Field(max_length=512)] | None = None
    """Characters admitted in file names; null means every name the package format admits."""
    categories: tuple[Code, ...] = Field(default=(), max_length=256)
    """Categories accepted; empty means any."""
    plugins: Annotated[tuple[PluginTold, ...] | None, Field(max_length=32)] = Field(
        default=None, exclude_if=_untold
    )
    """What the gateway runs. For records of processing alone: the directory shows it to nobody
    but the agency itself. Absent: a gateway that does not tell."""


class Card(Shape):
    """Public keys of an agency; whoever has the pinned `kid` recomputes it from them."""

    agency: AgencyId
    ed25519: Digest
    ml_dsa_65: Annotated[str, Field(alias="ml-dsa-65", min_length=2603, max_length=2603)]

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class Agency(Shape):
    """One agency in the directory."""

    id: AgencyId
    state: Literal["active", "suspended"]
    kid: Digest
    card: Card
    previous: Card | None = None
    """The old identity card while a succession still accepts both."""
    succession: Statement | None = None
    """The key succession that leads from `previous` to `card`."""
    succession_receipt: ReceiptPath | None = None
    key_statement: Statement | None = None
    """Newest key statement; null before the first."""
    key_statement_receipt: ReceiptPath | None = None
    """Of the key statement, a public document of the log: it takes effect only with it."""
    capabilities: Capabilities | None = None


class Agencies(Shape):
    """A page of the directory."""

    agencies: tuple[Agency, ...]
    next: Cursor | None = None


class KeyStatementStored(Shape):
    """The newest key statement of the caller is this one now."""

    agency: AgencyId
    seq: int
    digest: Digest
    receipt: ReceiptPath | None = None


class SuccessionStored(Shape):
    """The caller's new identity is registered; until `until` both are accepted."""

    agency: AgencyId
    kid: Digest
    until: Moment
    receipt: ReceiptPath | None = None


class Signature(Shape):
    """One party's signature of an agreement."""

    agency: AgencyId
    statement: Statement
    signed_at: Moment
    receipt: ReceiptPath | None = None


class TerminationNotice(Shape):
    """One party's notice of termination."""

    agency: AgencyId
    statement: Statement
    ends: Moment
    receipt: ReceiptPath | None = None


class Agreement(Shape):
    """An agreement as its parties see it."""

    id: Id
    agreement: Digest
    statement: Statement
    state: Literal["proposed", "in-force", "not-begun", "ended"]
    signatures: tuple[Signature, ...]
    notices: tuple[TerminationNotice, ...]
    ends_at: Moment | None
    """End as of now, half open; null while it renews."""


class Agreements(Shape):
    """A page of the caller's agreements."""

    agreements: tuple[Agreement, ...]
    next: Cursor | None = None


class ConsentGiven(Shape):
    """A signed consent record and the key of its log entries, sent once."""

    statement: Statement
    log_key: LogKey
    credential: Digest | None = None
    """Digest of the person's code; a random value, here or at the hub, where none was issued."""


class ConsentRecorded(Shape):
    """The consent is recorded; the gate uses it from now on."""

    id: Id
    consent: Digest
    recorded_at: Moment
    receipt: ReceiptPath | None = None


class Words(Shape):
    """A sentence in the languages of the desk."""

    de: str
    en: str


class Finding(Shape):
    """One rule that a record breaks: names of members, never a value."""

    id: Annotated[str, Field(pattern="^[LANVS][0-9]{2}$")]
    severity: Literal["refuse", "warn"]
    field: Annotated[str, Field(max_length=160)]
    """Path of the member, such as `notice.lang`."""
    words: Words
    """What the person at the desk can read."""
    days: int | None = None
    """How many the agreement admits, where the rule is about that."""


class Consent(Shape):
    """A consent record as the caller may see it."""

    id: Id
    consent: Digest
    statement: Statement
    receipt: ReceiptPath | None = None
    """Of its recording."""
    state: Literal["valid", "not-yet", "ended"]
    """`ended` without a reason for everybody who may not know why."""
    reason: Literal["withdrawn", "agreement", "expired", "agency", "used-up", "restored"] | None = (
        None
    )
    """Why it ended: for the collecting agency, and for recipients that must erase."""
    ended_at: Moment | None = None
    withdrawal: Statement | None = None
    """The signed withdrawal, or the hub's record of one by code, for who may know the reason."""
    withdrawal_receipt: ReceiptPath | None = None
    used: int | None = None
    """Uses counted; for the collecting agency and the releasers."""
    findings: tuple[Finding, ...] = ()
    """Warnings of the linter, for the collecting agency, of one consent."""


class Consents(Shape):
    """A page of the consents the caller may see."""

    consents: tuple[Consent, ...]
    next: Cursor | None = None


class Withdrawn(Shape):
    """The consent has ended; from here on no header under it is released."""

    id: Id
    consent: Digest
    state: Literal["ended"]
    ended_at: Moment
    receipt: ReceiptPath | None = None
    """Null where another withdrawal, of which the caller may not know, came first."""


class Asked(Shape):
    """What the caller, as sender, asks about."""

    consent: Digest
    recipients: tuple[AgencyId, ...] = Field(min_length=1, max_length=32)
    purpose: Code
    category: Code
    secrecy: Code
    exp: Annotated[int, Field(ge=0)]
    """Seconds since 1970: when the disclosure would expire."""


class Decision(Shape):
    """The gate would say yes. A no is the problem `not-permitted`, without a reason."""

    decision: Literal["permit"]
    decided_at: Moment


class DisclosureStored(Shape):
    """The sealed document is stored; recipients are told."""

    id: Id
    manifest: Digest
    state: Literal["announced", "stored"]
    upload: str | None = None
    """Absolute URL of the resumable upload (tus 1.0.0), when only announced."""
    receipt: ReceiptPath | None = None
    """Null while it is only announced."""


DisclosureState = Literal["announced", "stored", "collected", "acknowledged", "expired", "ended"]


class RecipientState(Shape):
    """Where a disclosure stands with one recipient; a recipient sees its own row only."""

    agency: AgencyId
    collected_at: Moment | None
    collected_receipt: ReceiptPath | None = None
    result: Literal["accepted", "rejected", "quarantined"] | None
    acknowledgement: Statement | None
    """The recipient's signed acknowledgement."""
    acknowledged_receipt: ReceiptPath | None = None


class Disclosure(Shape):
    """A disclosure as its sender or one of its recipients sees it."""

    id: Id
    manifest: Digest
    statement: Statement
    """The signed manifest."""
    consent_id: Id
    """Id of the consent record it names, for `GET /v1/consents/{id}`."""
    consent_receipt: ReceiptPath | None = None
    """Of the recording of that consent."""
    receipt: ReceiptPath | None = None
    """Of its being stored; null before."""
    ended_receipt: ReceiptPath | None = None
    """Of its end, where it has ended before everybody answered."""
    state: DisclosureState
    stored_at: Moment | None
    payload_size: int
    """Bytes of the payload (the sealed document without its header)."""
    payload_sha256: Sha256 | None
    """SHA-256 of the payload, as in `Repr-Digest`; null before it is stored."""
    recipients: tuple[RecipientState, ...]


class DocumentRequest(Shape):
    """A document request as the two agencies see it."""

    id: Id
    request: Digest
    """Digest of the signed request; the answering manifest names it."""
    agency: AgencyId
    """Who asks."""
    to: AgencyId
    agreement: Digest
    purpose: Code
    categories: tuple[Code, ...]
    consent: Digest | None
    """The consent it is made under; null asks the partner to seek one."""
    asked_at: Moment
    deadline: Moment
    state: Literal["open", "closed"]
    """`open` until the deadline and `closed` from then on, whatever has happened."""
    statement: Statement | None = None
    """The signed request, for the asked agency until it has answered or the deadline has passed."""
    receipt: ReceiptPath | None = None


class Requests(Shape):
    """A page of document requests: those the caller was asked, and those it asks."""

    requests: tuple[DocumentRequest, ...]
    next: Cursor | None = None


class Waiting(Shape):
    """One entry of the inbox: a disclosure to collect, or a request that a partner makes."""

    cursor: Cursor
    disclosure: Disclosure | None = None
    """Enough to verify everything that needs no key; null for a request."""
    request: DocumentRequest | None = None
    """Null for a disclosure."""


class Inbox(Shape):
    """What waits for the caller, oldest first. It may be empty by the time it is read."""

    entries: tuple[Waiting, ...]
    next: Cursor | None = None
    """Cursor to continue after; null when nothing was ever waiting."""


class Collected(Shape):
    """The gate has released the header; `header || payload` is a stock age file."""

    id: Id
    header: Annotated[str, Field(max_length=90_000)]
    """base64url of the age header."""
    collected_at: Moment
    receipt: ReceiptPath | None = None


class Acknowledged(Shape):
    """The acknowledgement is stored; the sender sees it."""

    id: Id
    state: DisclosureState
    result: Literal["accepted", "rejected", "quarantined"]
    receipt: ReceiptPath | None = None


class Recalled(Shape):
    """The sender has taken the disclosure back; nobody can collect it any more."""

    id: Id
    state: Literal["ended"]
    receipt: ReceiptPath | None = None


class Erasure(Shape):
    """What a recipient must erase, or has answered about."""

    id: Id
    consent: Digest
    consent_id: Id
    manifests: tuple[Digest, ...]
    """Of what was collected; the answer names them."""
    disclosures: tuple[Id, ...] = ()
    """Ids of the same disclosures, in the same order."""
    passed_on_by: AgencyId | None = None
    """Who passed them on to the recipient; null where it collected them itself."""
    to: AgencyId
    reason: Literal["withdrawn", "unlawful"]
    asked_at: Moment
    due: Moment
    state: Literal["open", "erased", "kept"]
    confirmation: Statement | None
    receipt: ReceiptPath | None = None
    """Of the confirmation."""


class Erasures(Shape):
    """A page of erasures: those the caller must answer, and those it may see."""

    erasures: tuple[Erasure, ...]
    next: Cursor | None = None


class Health(Shape):
    """The process serves; `degraded`: the log is behind, and only new disclosures wait for it."""

    status: Literal["ok", "degraded"]
