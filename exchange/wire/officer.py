"""Shapes of the answers to privacy officers: all in one frame, with the head of the log they had.

No name of a person is in them; whom a reference means, only the agencies' gateways can tell.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from exchange.wire.fields import (
    AgencyId,
    Code,
    Compact,
    Cursor,
    Day,
    Digest,
    Id,
    Lang,
    Moment,
    Sha256,
)
from exchange.wire.shapes import Page, Shape, Text

Result = Literal["accepted", "rejected", "quarantined"]
DisclosureState = Literal["announced", "stored", "collected", "acknowledged", "expired", "ended"]
Why = Literal["withdrawn", "agreement", "expired", "agency", "restored"]


class Told(Shape):
    """Base of what has members named by words of Python."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class Head(Told):
    """The newest signed head of the log when the answer was made."""

    origin: str
    size: int
    root: str
    """Base64, as in the checkpoint."""


class Frame(Told):
    """What every answer says besides the answer."""

    question: str
    agency: AgencyId
    """Whose officer asked: nothing of others' is in it."""
    answered_at: Moment
    checkpoint: Head | None
    """Null before the first signed head."""
    next: Cursor | None = None
    """To go on; null where nothing is left."""


class DisclosuresQuery(Page):
    """Which disclosures: those stored from a day on and before another, in German time."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    since: Annotated[Day, Field(alias="from")]
    until: Day
    """The first day that does not count."""


class DisclosuresAsked(Told):
    """The question, repeated."""

    since: Annotated[Day, Field(alias="from")]
    until: Day


class DisclosedTo(Told):
    """Where a disclosure stands with one recipient."""

    agency: AgencyId
    state: Literal["stored", "collected", "expired", "ended"] | Result
    collected_at: Moment | None
    acknowledged_at: Moment | None
    purpose_binding: Sha256 | None
    """Digest of the hint at the purpose binding that the recipient has confirmed."""


class ConsentUnder(Told):
    """The consent under which something was disclosed."""

    id: Id
    digest: Digest
    form: Literal["written", "electronic", "oral-minuted"]
    capacity: Literal["self", "self+guardian", "guardian"]
    collected_by: AgencyId
    collected_at: Moment
    valid_from: Moment
    valid_until: Moment
    ended_at: Moment | None
    ended_why: Why | None
    """Null also where the agency may not know."""


class NoticeShown(Told):
    """The text the person was shown."""

    id: str
    version: str
    lang: Lang
    sha256: Sha256


class Entries(Told):
    """Indexes in the log; null where there is no entry yet, or it was erased."""

    consent: int | None
    disclosure: int | None
    collected: int | None
    """Of the first recipient that collected, among those shown."""
    acknowledged: int | None
    """Of the first that answered."""


class Disclosed(Told):
    """One disclosure: who gave what kind of document to whom, under which consent and text."""

    disclosure: Id
    manifest: Digest
    stored_at: Moment
    sender: Annotated[AgencyId, Field(alias="from")]
    to: tuple[DisclosedTo, ...]
    """All for the sender's officer; for a recipient's her agency alone."""
    purpose: Code
    category: Code
    secrecy: Code
    request: Digest | None
    replaces: Id | None
    consent: ConsentUnder
    notice: NoticeShown
    agreement: Digest
    subject_ref: Id
    log: Entries


class DisclosuresAnswer(Frame):
    """Who disclosed what to whom, under which consent and text."""

    asked: DisclosuresAsked
    answer: tuple[Disclosed, ...]


class ErasuresQuery(Page):
    """Which erasures."""

    state: Literal["open", "overdue", "answered", "all"] = "open"


class ErasuresAsked(Told):
    """The question, repeated."""

    state: Literal["open", "overdue", "answered", "all"]


class ErasureSeen(Told):
    """What one recipient was asked to erase, and what it has answered."""

    erasure: Id
    consent: Id
    disclosures: tuple[Id, ...]
    """One request is about everything the recipient collected under a consent."""
    recipient: AgencyId
    reason: Literal["withdrawn", "unlawful"]
    asked_at: Moment
    due: Moment
    overdue: bool
    reminded: Literal[0, 1, 2]
    """1: the recipient was reminded; 2: every party was told as well."""
    reminded_at: Moment | None
    """The newest reminder to the recipient, by the hub or for an officer."""
    remindable: bool
    """Whether the agency may remind now: others owe it, and this were the first of the day."""
    confirmation: Literal["erased", "kept"] | None
    answered_at: Moment | None
    ground: Code | None
    kept_until: Day | None
    subject_ref: Id


class ErasuresAnswer(Frame):
    """What is to be erased, and what was answered."""

    asked: ErasuresAsked
    answer: tuple[ErasureSeen, ...]


class Reminded(Told):
    """What became of the wish to remind an agency of an erasure that it owes."""

    erasure: Id
    recipient: AgencyId
    outcome: Literal["queued", "today", "no-channel"]
    """`queued`: a notice without content is on its way. `today`: it was asked or reminded less
    than a day ago, and nothing was queued. `no-channel`: it has no way for notices."""
    reminded_at: Moment | None
    """When it was last reminded, now included."""


class ConsentQuery(Text):
    """One consent, and whether it covered anything at a moment."""

    at: Compact | None = None
    """Now, if not given."""


class ConsentAsked(Told):
    """The question, repeated."""

    consent: Id
    at: Moment


class EventSeen(Told):
    """One event of the consent's log that the agency may open."""

    kind: str
    at: Moment
    by: str
    to: tuple[AgencyId, ...]
    index: int | None
    """In the log; null while no head covers it."""
    manifest: Digest | None
    result: str | None
    reasons: tuple[str, ...]
    """Why something was refused or has ended, for who may know."""
    receipt: Id
    """Name of the entry: its proof is at `/v1/officer/files/proofs/{receipt}`."""


class EventsQuery(Page):
    """Which events of the agency's log; what is not given narrows nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    since: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None
    """The first day that does not count."""
    kind: Code | None = None
    partner: AgencyId | None = None
    """Who did it, for whom it was, or who sent what it is about."""
    purpose: Code | None = None
    category: Code | None = None
    """These two of the document that an event is about, else of the consent on whose chain it is,
    where the agency may read that."""
    state: DisclosureState | None = None
    """Of the disclosure that it is about, now."""
    consent: Id | None = None
    """Looking at one consent leaves a trace on its chain."""


class EventsAsked(Told):
    """The question, repeated."""

    since: Annotated[Day | None, Field(alias="from")]
    until: Day | None
    kind: Code | None
    partner: AgencyId | None
    purpose: Code | None
    category: Code | None
    state: DisclosureState | None
    consent: Id | None


class EventListed(Told):
    """One event of the log that the agency may open."""

    index: int
    """In the log."""
    kind: str
    at: Moment
    by: str
    members: dict[str, str | int | list[str]]
    """What else its kind of event holds: digests, agencies, codes."""
    consent: Id | None
    """On whose chain it is; null also where the agency may not read the record."""
    state: DisclosureState | None
    why: str | None
    """Why something was refused or has ended, for who may know; codes, a space between."""
    receipt: Annotated[Id, Field(validation_alias="rid")]
    """Name of the entry: its proof is at `/v1/officer/files/proofs/{receipt}`."""


class EventsAnswer(Frame):
    """A page of the log, the newest first; it may be short although there is more."""

    asked: EventsAsked
    answer: tuple[EventListed, ...]


class Allowed(Told):
    """Whether the consent covered what it names, at the moment asked about."""

    at: Moment
    effective: Literal["permit", "deny"] | None
    """With a withdrawal from the moment an agency was told of it."""
    known: Literal["permit", "deny"] | None
    """With a withdrawal from the moment the hub recorded it: so the gate decided. Null, as the
    others, of an ended consent for an agency that may not know when and why it ended."""
    reasons: tuple[str, ...] | None
    """Of `known`, in the order of the decision; null where the agency may not know them."""


class SignatureSeen(Told):
    """One signer of a statement."""

    by: Literal["agency", "person"]
    agency: AgencyId | None
    """Null of a person."""
    key: Digest
    """Name of the agency's identity key (among those of `/v1/officer/partners`, where it is a
    partner's), or of the person's own key."""
    algorithms: tuple[Literal["Ed25519", "ML-DSA-65"], ...]


class PersonSigned(Told):
    """One person who gave the consent, as the record says; never a name."""

    role: Literal["subject", "guardian", "entrusting", "witness"]
    at: Moment
    identified: Literal["in-person", "known", "eid", "code"]
    """How the collecting agency knew who she is."""


class WithdrawalSeen(Told):
    """How a consent was withdrawn, and who signed that."""

    way: Literal["agency", "key", "code"]
    """`agency`: one took it down. `key`: the person signed it with her own key. `code`: on her
    page, where her code was the proof and nobody signs."""
    digest: Digest
    by: Literal["subject", "guardian", "entrusting", "agency"] | None
    """Who withdrew, as the agency took it down; null of the person at her page."""
    channel: Literal["in-person", "phone", "letter", "email"] | None
    """How that reached the agency; null as above."""
    received_at: Moment
    signatures: tuple[SignatureSeen, ...]


class ConsentSeen(Told):
    """One consent as the agency may read it."""

    id: Id
    digest: Digest
    statement: str
    """The signed record."""
    signatures: tuple[SignatureSeen, ...]
    """Of the record: the collecting agency, and of an electronic one the person."""
    persons: tuple[PersonSigned, ...]
    """Who gave it, in whatever form."""
    withdrawal: WithdrawalSeen | None
    """Null also where the agency may not know of it."""
    state: Literal["valid", "not-yet", "ended"]
    ended_at: Moment | None
    ended_why: Why | None
    used: int | None
    text: str
    """Exactly what the person was shown."""
    allowed: Allowed
    events: tuple[EventSeen, ...]
    """Oldest first."""
    complete: bool
    """False: there are more events than an answer holds; the oldest are in it."""


class ConsentAnswer(Frame):
    """One consent, what happened under it, and whether it held."""

    asked: ConsentAsked
    answer: ConsentSeen
