"""Shapes of the answer to a breach: what a lost key, account or code has exposed."""

from typing import Annotated, Literal

from pydantic import Field

from exchange.wire.fields import AgencyId, Code, Compact, Digest, Id, Moment
from exchange.wire.officer import Frame, Told
from exchange.wire.shapes import Page

Lost = Literal["document", "identity", "account", "log", "code"]


class BreachQuery(Page):
    """What somebody else may have had, and from when."""

    kind: Lost
    key: Annotated[str | None, Field(pattern="^(gateway|[A-Za-z0-9_-]{36,43})$")] = None
    """A fingerprint of a document key, a name of an identity key, the id of an account, or
    `gateway` as the account of the agency's own programs; of a person's code the id of its
    consent. Of the log's key nothing: this hub has one."""
    since: Annotated[Compact, Field(alias="from")]
    until: Compact | None = None
    """Of all but a document key: when it was stopped; now, if not given."""
    noticed_at: Compact | None = None
    """When it became known: the 72 hours begin there; now, if not given."""


class BreachAsked(Told):
    """The question, repeated."""

    kind: Lost
    key: str
    """Empty for the log's."""
    since: Annotated[Moment, Field(alias="from")]
    until: Moment | None
    noticed_at: Moment


class Openable(Told):
    """A disclosure that was sealed to the key."""

    disclosure: Id
    sender: Annotated[AgencyId, Field(alias="from")]
    stored_at: Moment
    header_deleted_at: Moment | None
    """Null: its header is still at the hub."""
    category: Code
    special: bool
    secrecy: Code
    consent: Id
    subject_ref: Id


class SealedBlock(Told):
    """A consent whose sealed part the key may open."""

    consent: Id
    subject_ref: Id


class Doubtful(Told):
    """An event that somebody else may have brought about, or whose place in the log is in doubt."""

    index: int
    """Of its entry in the log."""
    kind: str
    at: Moment
    by: str
    statement: Digest | None
    """Digest of what was signed; of a disclosure its manifest."""
    consent: Id | None
    subject_ref: Id | None


class ShownByCode(Told):
    """An event that whoever had the code could read on the person's page."""

    index: int
    """Of its entry in the log."""
    kind: str
    at: Moment
    by: str
    consent: Id
    sent: Openable | None
    """The disclosure, of the event that it was stored. Nobody can open it with the code."""


class PerhapsSeen(Told):
    """An entry that a look may have shown: an upper bound, the log does not say it exactly."""

    index: int
    """Of its entry in the log."""
    kind: str
    at: Moment
    by: str
    how: Literal["consent", "list"]
    """`consent`: its consent was looked at by name, and it was there by then. `list`: it lies
    between the entries that a page or a file was made from, which may have held others."""
    consent: Id | None
    """Null where the agency may not read the record."""
    subject_ref: Id | None
    sent: Openable | None
    """The disclosure it is about. No look opens it."""


class BreachTotals(Told):
    """Counts over all pages, for the report to the authority (Art. 33(3) GDPR).

    Exact, but where `at_most` says that some are upper bounds.
    """

    disclosures: int
    """Openable, those that are so only from a copy included; of a code those it showed."""
    consents: int
    """Persons at most: each consent has a reference of its own."""
    special: int
    professional_or_higher: int
    sealed_blocks: int
    doubtful: int
    shown: int
    perhaps_seen: int
    at_most: bool
    """True: disclosures and consents count what looks may have shown, too."""
    agencies: tuple[AgencyId, ...]


class Breach(Told):
    """What is affected, as far as the agency may know; `perhaps_seen` is the most it can be."""

    deadline: Moment
    also_notify: tuple[str, ...]
    """`social-data`: also the supervisory authority that § 83a SGB X names."""
    openable: tuple[Openable, ...]
    """Sealed to the key, and its header existed at or after the moment."""
    openable_if_copied: tuple[Openable, ...]
    """The same, but the header was gone before: only who had copied it can read it."""
    sealed_blocks: tuple[SealedBlock, ...]
    """Recorded while the key was in use; which key a block is sealed to the hub cannot see."""
    doubtful: tuple[Doubtful, ...]
    shown: tuple[ShownByCode, ...]
    """Of a code: looking at the page leaves no trace, so all of this may have been read."""
    perhaps_seen: tuple[PerhapsSeen, ...]
    """Of an account, and of an identity key for its own agency: the most that the looks under
    `doubtful` can have shown, as far as the agency may open it now. What was erased since, or has
    closed to the agency, is not in it."""
    vouched: int | None
    """Of the log's key: entries before this one stand under a head that the witnesses have
    cosigned, and are not doubtful. Null of everything else."""
    totals: BreachTotals | None
    """Null behind the first page."""
    next_steps: tuple[str, ...]


class BreachAnswer(Frame):
    """What a lost key, account or code has exposed; a page of it."""

    asked: BreachAsked
    answer: Breach
