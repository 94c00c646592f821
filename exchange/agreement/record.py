"""The agreement: what agencies have agreed, exactly as it was signed.

Everything a text for the person names is frozen here, so that it can be shown again ten years
later. Owns the fields, their types and their one spelling; the full linter comes on top.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from exchange.agreement.term import Term
from exchange.vocabulary import (
    Body,
    NoticeText,
    Scope,
    ScopeFlow,
    ScopeParty,
    ScopeTexts,
    Secrecy,
    Vocabulary,
)


class Release(StrEnum):
    """When a document of a flow may go."""

    CONSENT = "consent"
    """Whenever the consent covers it."""
    EACH = "each"
    """After the person has seen this very document and said yes, in the sender's office."""


class AttestationCode(StrEnum):
    """What the parties attest to have settled outside this system."""

    IMPACT_ASSESSMENT = "impact-assessment"
    OPERATOR_BOUND_TO_SECRECY = "operator-bound-to-secrecy"
    PROCESSING_CONTRACT = "processing-contract"
    STAFF_COUNCIL = "staff-council"
    SUPERVISORY_NOTICE = "supervisory-notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One agency that is bound by the agreement."""

    agency: str
    kid: str
    """Name of its identity key; a difference to the pin is refused when signing."""
    name: str
    """Full name of the office."""
    contact: str
    """How a person reaches it."""
    officer: str
    """How a person reaches its privacy officer."""
    public_label: str
    """What the person's page calls it before a second button, such as "counselling centre 3"."""
    body: Body
    secret_keeper: bool
    """Whether its staff fall under § 203(1) StGB."""
    benefit: bool
    """Whether it decides about benefits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What may go from one party to one other; the other direction is a flow of its own."""

    sender: str
    recipient: str
    categories: frozenset[str]
    secrecy: Secrecy
    """Highest class that may go this way."""
    release: Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Undertaking:
    """A private party's undertaking of the purpose binding (§ 78(1) SGB X)."""

    agency: str
    sha256: str
    """Hex digest of the text it undertakes by signing the agreement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """Something the parties attest, with the date of its paper."""

    code: AttestationCode
    date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long consents and the evidence about them are kept after they ended."""

    years: int
    """Full years, then to the end of the year."""
    words: Mapping[str, str]
    """What the person is told, by language; names the recipients' own periods as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Longest validity of a consent."""

    once_days: int
    """For one use."""
    days: int
    """For any other number of uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubNamed:
    """The hub as texts for the person name it."""

    operator: str
    storage_location: str
    page: str
    """Address of the person's page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An agreement whose draft was signed; in force only when every party has signed.

    Read by `exchange.agreement.reading.read_agreement` from a verified statement.
    """

    digest: str
    """Digest of the signed statement: how consents name it."""
    id: str
    iat: int
    """Seconds since 1970."""
    drafted_by: str
    """The party that signed this statement; the others sign its digest."""
    title: str
    term: Term
    parties: tuple[Party, ...]
    """Two or more, sorted by agency."""
    collectors: frozenset[str]
    """Parties that may collect consents."""
    flows: tuple[Flow, ...]
    """Sorted by sender and recipient; each direction at most once."""
    purposes: frozenset[str]
    vocabulary: Vocabulary
    """The entries used, in full."""
    notices: tuple[NoticeText, ...]
    undertakings: tuple[Undertaking, ...]
    attestations: tuple[Attestation, ...]
    authority: str
    """Supervisory authority a person can complain to."""
    retention: Retention
    limits: Limits
    hub: HubNamed

    @property
    def agencies(self) -> frozenset[str]:
        """Agency ids of all parties."""
        return frozenset(party.agency for party in self.parties)

    def party(self, agency: str) -> Party:
        """Return the party with this agency id; it must be one of `agencies`."""
        return next(party for party in self.parties if party.agency == agency)

    def scope(self) -> Scope:
        """Return what consents and disclosures under this agreement may be at most.

        An undertaking counts because its party signs the agreement that holds it, and the
        agreement is in force only when all have signed.
        """
        undertaken = {undertaking.agency for undertaking in self.undertakings}
        return Scope(
            agreement=self.digest,
            parties={
                party.agency: ScopeParty(
                    agency=party.agency,
                    name=party.name,
                    contact=party.contact,
                    officer=party.officer,
                    public_label=party.public_label,
                    body=party.body,
                    secret_keeper=party.secret_keeper,
                    benefit=party.benefit,
                    undertaken=party.agency in undertaken,
                )
                for party in self.parties
            },
            collectors=self.collectors,
            flows=tuple(
                ScopeFlow(
                    sender=flow.sender,
                    recipient=flow.recipient,
                    categories=flow.categories,
                    secrecy=flow.secrecy,
                )
                for flow in self.flows
            ),
            vocabulary=self.vocabulary,
            once_days=self.limits.once_days,
            days=self.limits.days,
            texts=ScopeTexts(
                title=self.title,
                authority=self.authority,
                retention=self.retention.words,
                operator=self.hub.operator,
                storage_location=self.hub.storage_location,
                page=self.hub.page,
            ),
            notices=self.notices,
        )
