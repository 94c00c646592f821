"""The record of processing activities of one agreement: generated from what was signed, not typed.

What is missing is listed as a finding, for people to settle.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from exchange.agreement.record import Agreement, AttestationCode
from exchange.errors import NotFound
from exchange.hub.answers.agreements import FlowSeen, PartySeen, flow, party
from exchange.hub.answers.frame import Answered, agency_of, newest_head
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements
from exchange.vocabulary import Body

SUBJECTS = ("clients", "guardians")
MEASURES = (
    "end-to-end-encryption",
    "hub-without-keys",
    "consent-decides-each-disclosure",
    "signed-statements",
    "transparency-log",
    "deletion-on-schedule",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The question."""

    agreement: str
    """Its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One category of data."""

    category: str
    special: bool
    secrecy: str


@dataclass(frozen=True, slots=True)
class Erasing:
    """When something is deleted."""

    cls: str
    """Class of retention, such as D05."""
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """Who runs the hub on behalf of the controllers."""

    hub: str
    operator: str
    location: str
    contract: date | None
    """Date of the contract that the parties attest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSeen:
    """A plugin of the hub; none that sees plaintext starts there."""

    name: str
    side: str = "hub"
    sees_plaintext: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Art30:
    """The record of one agreement (Art. 30(1) and (2) GDPR)."""

    controllers: tuple[PartySeen, ...]
    purposes: tuple[str, ...]
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
    """What is missing."""
    generated_from: str
    """Digest of the agreement."""


async def record_processing(hub: Hub, asker: Officer, agreement: str) -> Answered[Wanted, Art30]:
    """Return the record of an agreement of the asker's agency. It is about no person.

    Raises:
        NotPermitted: the asker reads no records.
        NotFound: absent, or her agency is no party of it.
    """
    agency = agency_of(asker)
    terms, standing = await hub.db.read(_read, hub, agency, agreement)
    return Answered(
        question="art30",
        agency=agency,
        asked=Wanted(agreement),
        answered_at=hub.clock(),
        checkpoint=newest_head(hub),
        answer=_record(hub, terms, standing),
    )


def _read(
    conn: Connection, hub: Hub, agency: str, agreement: str
) -> tuple[Agreement, agreements.AgreementStanding]:
    found = agreements.find(conn, agreement, agency)
    standing = None if found is None else agreements.lock(conn, found.digest)
    if found is None or standing is None:
        raise NotFound
    return hub.records.agreement(conn, found.digest, found.statement)[0], standing


def _record(hub: Hub, terms: Agreement, standing: agreements.AgreementStanding) -> Art30:
    attested = {one.code: one.date for one in terms.attestations}
    named = sorted({code for one in terms.flows for code in one.categories})
    data = tuple(_kind(terms, code) for code in named)
    return Art30(
        controllers=tuple(party(one, standing.signed.get(one.agency)) for one in terms.parties),
        purposes=tuple(sorted(terms.purposes)),
        subjects=SUBJECTS,
        data=data,
        recipients=tuple(flow(one) for one in terms.flows),
        third_countries=(),
        legal_basis=_bases(terms, data),
        erasure=(
            Erasing("D05", f"P{terms.retention.years}Y-to-year-end"),
            # Of what nobody has collected; then of the log, which holds no person; then of logins.
            Erasing("D04", f"P{hub.rules.expiry.days}D"),
            Erasing("D06", "life-of-the-log"),
            Erasing("D11", "P1Y"),
        ),
        measures=MEASURES,
        processor=Processor(
            hub=hub.origin,
            operator=terms.hub.operator,
            location=terms.hub.storage_location,
            contract=attested.get(AttestationCode.PROCESSING_CONTRACT),
        ),
        plugins=tuple(PluginSeen(name=name) for name in sorted({*hub.channels, *hub.vetoes})),
        findings=tuple(
            f"not-attested:{code.value}" for code in AttestationCode if code not in attested
        ),
        generated_from=terms.digest,
    )


def _kind(terms: Agreement, code: str) -> Kind:
    found = terms.vocabulary.categories[code]
    return Kind(category=code, special=found.special, secrecy=found.secrecy.code)


def _bases(terms: Agreement, data: tuple[Kind, ...]) -> tuple[str, ...]:
    bases = ["GDPR 6(1)(a)"]
    if any(one.special for one in data):
        bases.append("GDPR 9(2)(a)")
    if any(one.body is Body.SGB35 for one in terms.parties):
        bases.append("SGB X 67b")
    return tuple(bases)
