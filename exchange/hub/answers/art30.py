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
from exchange.hub.answers.processing import (
    Erasing,
    PluginSeen,
    erasing_by_hub,
    measures,
    of_gateways,
    of_hub,
)
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies, agreements
from exchange.vocabulary import Body

SUBJECTS = ("clients", "guardians")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """Who runs the hub on behalf of the controllers."""

    hub: str
    operator: str
    location: str
    contract: date | None
    """Date of the contract that the parties attest."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a record was generated from."""

    agreement: str
    """Digest."""
    settings_sha256: str
    """Of the settings of the hub, in hex; without passwords and tables of plugins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Art30:
    """The record of one agreement (Art. 30(1) GDPR)."""

    title: str
    """Of the agreement."""
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
    """What is missing: a code, a colon, and what it is about."""
    generated_from: Made


@dataclass(frozen=True, slots=True)
class _Signed:
    """What is stored of an agreement and its parties."""

    terms: Agreement
    standing: agreements.AgreementStanding
    published: dict[str, bytes | None]


async def record_processing(hub: Hub, asker: Officer, agreement: str) -> Answered[Wanted, Art30]:
    """Return the record of an agreement of the asker's agency. It is about no person.

    Raises:
        NotPermitted: the asker reads no records.
        NotFound: absent, or her agency is no party of it.
        Unavailable: the vault is away, and with it the trace.
    """
    agency = agency_of(asker)
    signed = await hub.db.read(_read, hub, agency, agreement)
    await trace.record_look(hub, asker)
    return Answered(
        question="art30",
        agency=agency,
        asked=Wanted(agreement),
        answered_at=hub.clock(),
        checkpoint=newest_head(hub),
        answer=_record(hub, signed),
    )


def _read(conn: Connection, hub: Hub, agency: str, agreement: str) -> _Signed:
    found = agreements.find(conn, agreement, agency)
    standing = None if found is None else agreements.lock(conn, found.digest)
    if found is None or standing is None:
        raise NotFound
    terms, _ = hub.records.agreement(conn, found.digest, found.statement)
    published = {one.agency: agencies.capabilities(conn, one.agency) for one in terms.parties}
    return _Signed(terms, standing, published)


def _record(hub: Hub, signed: _Signed) -> Art30:
    terms, standing = signed.terms, signed.standing
    attested = {one.code for one in terms.attestations}
    named = sorted({code for one in terms.flows for code in one.categories})
    data = tuple(_kind(terms, code) for code in named)
    plugins, untold = of_gateways(signed.published)
    return Art30(
        title=terms.title,
        controllers=tuple(party(one, standing.signed.get(one.agency)) for one in terms.parties),
        purposes=tuple(sorted(terms.purposes)),
        subjects=SUBJECTS,
        data=data,
        recipients=tuple(flow(one) for one in terms.flows),
        third_countries=(),
        legal_basis=_bases(terms, data),
        erasure=(
            Erasing("D05", f"P{terms.retention.years}Y-to-year-end"),
            *erasing_by_hub(hub),
        ),
        measures=measures(hub),
        processor=processor(hub, terms),
        plugins=(*of_hub(hub), *plugins),
        findings=(
            *(f"not-attested:{code.value}" for code in AttestationCode if code not in attested),
            *(f"not-signed:{one}" for one in sorted(terms.agencies - standing.signed.keys())),
            *untold,
        ),
        generated_from=Made(terms.digest, hub.settings_sha256),
    )


def processor(hub: Hub, terms: Agreement) -> Processor:
    """Return who runs the hub, as an agreement says."""
    attested = {one.code: one.date for one in terms.attestations}
    return Processor(
        hub=hub.origin,
        operator=terms.hub.operator,
        location=terms.hub.storage_location,
        contract=attested.get(AttestationCode.PROCESSING_CONTRACT),
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
