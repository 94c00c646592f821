"""Shapes of what officers are told of agreements, partners and processing; of no person."""

from typing import Annotated, Literal

from pydantic import Field

from exchange.wire.fields import AgencyId, Code, Day, Digest, Id, Moment, Sha256
from exchange.wire.officer import Frame, Told


class PartySeen(Told):
    """A party of an agreement."""

    agency: AgencyId
    name: str
    contact: str
    officer: str
    body: Literal["sgb35", "public", "private"]
    secret_keeper: bool
    signed_at: Moment | None


class FlowSeen(Told):
    """What may go from one party to another."""

    sender: Annotated[AgencyId, Field(alias="from")]
    recipient: Annotated[AgencyId, Field(alias="to")]
    categories: tuple[Code, ...]
    secrecy: Code


class AgreementSeen(Told):
    """An agreement of the agency."""

    id: Id
    digest: Digest
    title: str
    state: Literal["proposed", "in-force", "not-begun", "ended"]
    begins: Moment
    ends_at: Moment | None
    """Half open; null while it renews."""
    next_end: Moment | None
    """The first end of a year, half open, for which notice still is in time; null where the
    agreement ends by itself, or has its end."""
    notice_by: Moment | None
    """The first moment at which notice comes too late for `next_end`; null with it."""
    parties: tuple[PartySeen, ...]
    flows: tuple[FlowSeen, ...]
    purposes: tuple[Code, ...]


class NoQuestion(Told):
    """A question without parameters."""


class AgreementsAnswer(Frame):
    """The agreements of the agency."""

    asked: NoQuestion
    answer: tuple[AgreementSeen, ...]


class KeySeen(Told):
    """One key of an agency, as the log has it."""

    kind: Literal["identity", "document"]
    key: Digest
    """Name of the identity key, or fingerprint of the document key."""
    since: Annotated[Moment, Field(alias="from")]
    until: Moment | None
    """Null while nothing has replaced it."""
    revoked_at: Moment | None
    index: int | None
    """Of its statement in the log; null for the identity an agency was admitted with."""


class PartnerSeen(Told):
    """An agency with which the officer's has an agreement, and every key it ever had."""

    agency: AgencyId
    state: Literal["active", "suspended"]
    suspended_at: Moment | None
    keys: tuple[KeySeen, ...]
    """Newest first."""


class PartnersAnswer(Frame):
    """Partners and their keys."""

    asked: NoQuestion
    answer: tuple[PartnerSeen, ...]


class Art30Asked(Told):
    """The question, repeated."""

    agreement: Id


class Kind(Told):
    """One category of data."""

    category: Code
    special: bool
    secrecy: Code


class Erasing(Told):
    """When something is deleted."""

    cls: Annotated[str, Field(alias="class")]
    period: str
    """ISO 8601 duration, with what ends it."""


class Processor(Told):
    """Who runs the hub on behalf of the controllers."""

    hub: str
    operator: str
    location: str
    contract: Day | None
    """Date of the contract that the parties attest; null is a finding."""


class PluginSeen(Told):
    """A plugin of the hub, or one that a party's gateway says it runs."""

    name: str
    version: str
    side: Literal["hub", "agency"]
    agency: AgencyId | None
    """Whose gateway; null of the hub's."""
    provides: tuple[str, ...]
    """Kinds of work at an agency, such as `intake`."""
    sees_plaintext: bool
    """Every plugin of an agency works on documents, whatever it says; none of the hub does."""
    runs_in: Literal["hub-process", "separate-process"]
    endpoints: tuple[str, ...] | None
    """Kinds of systems it speaks with. Null, as in what follows: its gateway does not tell."""
    stores: str | None
    """Empty: nothing."""
    retention: str | None
    licence: str | None


class GeneratedFrom(Told):
    """What a record was made from."""

    agreement: Digest
    settings_sha256: Sha256
    """Of the hub's settings, without passwords and the tables of plugins."""


class Art30(Told):
    """The record of processing activities of one agreement (Art. 30(1) GDPR), generated."""

    title: str
    """Of the agreement."""
    controllers: tuple[PartySeen, ...]
    purposes: tuple[Code, ...]
    subjects: tuple[str, ...]
    data: tuple[Kind, ...]
    recipients: tuple[FlowSeen, ...]
    third_countries: tuple[str, ...]
    legal_basis: tuple[str, ...]
    erasure: tuple[Erasing, ...]
    measures: tuple[str, ...]
    processor: Processor
    plugins: tuple[PluginSeen, ...]
    findings: tuple[str, ...]
    """What is missing and has to be settled by people: a code, a colon, what it is about."""
    generated_from: GeneratedFrom


class Art30Answer(Frame):
    """The record of processing of one agreement."""

    asked: Art30Asked
    answer: Art30


class MadeOf(Told):
    """What the record of the processor was made from."""

    agreements: tuple[Digest, ...]
    settings_sha256: Sha256
    """Of the hub's settings, without passwords and the tables of plugins."""


class ProcessorRecord(Told):
    """What the hub does on behalf of one agency (Art. 30(2) GDPR), generated."""

    controller: PartySeen | None
    """The agency as its newest agreement names it; null without one."""
    processors: tuple[Processor, ...]
    """Who runs the hub, as each agreement says; one, where they agree."""
    processing: tuple[str, ...]
    third_countries: tuple[str, ...]
    measures: tuple[str, ...]
    erasure: tuple[Erasing, ...]
    plugins: tuple[PluginSeen, ...]
    findings: tuple[str, ...]
    generated_from: MadeOf


class ProcessorAnswer(Frame):
    """What the hub does on behalf of the agency."""

    asked: NoQuestion
    answer: ProcessorRecord
