"""exchange.consent.export: the structure of ISO/IEC TS 27560, and only terms that exist."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from exchange.canonical import b64u, encode, loads
from exchange.consent import export
from exchange.consent.export import Became, Status, became, export_receipt, export_record
from exchange.consent.record import ConsentRecord, Evidence, Signer
from exchange.consent.withdrawal import EndReason
from exchange.consent.words import (
    Capacity,
    Custody,
    EvidenceKind,
    Form,
    FormReason,
    Identified,
    Power,
    Role,
)
from exchange.errors import Malformed
from exchange.statement import Kind
from exchange.vocabulary import Scope, Secrecy, shipped
from tests import samples

CONSENT = samples.consent()
SCOPE = samples.agreement().scope()
AT = CONSENT.collected_at
ENDED_AT = datetime(2026, 4, 1, 8, 0, 0, 123456, tzinfo=UTC)
RECEIPT_ID = "0c1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a02"
SPECIAL = replace(
    SCOPE,
    vocabulary=replace(
        SCOPE.vocabulary,
        categories={
            name: replace(entry, special=True)
            for name, entry in SCOPE.vocabulary.categories.items()
        },
    ),
)
TERMS = frozenset(
    line
    for line in Path(__file__).with_name("dpv-2.3-terms.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
)
DUBLIN_CORE = frozenset(
    f"dct:{name}"
    for name in (
        *("conformsTo", "created", "description", "hasVersion", "identifier", "isPartOf"),
        *("issued", "language", "source", "title"),
    )
)
SCHEMA = loads(export.schema(), limit=10**5, depth=20)
VALID = Draft202012Validator(SCHEMA)

SUBJECT = CONSENT.signers[0]
PARENT = Signer(
    role=Role.GUARDIAN,
    at=AT,
    identified=Identified.KNOWN,
    power=Power.PARENT,
    custody=Custody.COURT,
)
CARER = Signer(
    role=Role.GUARDIAN,
    at=AT,
    identified=Identified.EID,
    power=Power.CARER,
    power_until=ENDED_AT.replace(microsecond=0),
    areas_checked=True,
)
OFFICIAL = replace(PARENT, power=Power.OFFICIAL, custody=None, office="youth-d")
ENTRUSTING = replace(SUBJECT, role=Role.ENTRUSTING)
WITNESS = replace(SUBJECT, role=Role.WITNESS)


def a_consent(**members: Any) -> ConsentRecord:
    return replace(CONSENT, **members)


SHAPES: dict[str, tuple[ConsentRecord, Scope]] = {
    "written": (CONSENT, SCOPE),
    "special": (CONSENT, SPECIAL),
    "once": (a_consent(uses=1), SCOPE),
    "counted": (a_consent(uses=7), SCOPE),
    "onward": (a_consent(onward_from=frozenset({"women-b"})), SCOPE),
    "collected by a third": (
        a_consent(releasers=frozenset({"jobcentre-a"}), recipients=frozenset({"women-b"})),
        SCOPE,
    ),
    "collected by the recipient": (a_consent(collected_by="jobcentre-a"), SCOPE),
    "oral": (
        a_consent(
            form=Form.ORAL_MINUTED,
            form_reason=FormReason.URGENT_LOSS,
            signers=(SUBJECT, WITNESS),
            evidence=Evidence(sha256="ab" * 32, kind=EvidenceKind.MINUTES, pages=1),
        ),
        SCOPE,
    ),
    "electronic": (
        a_consent(
            kind=Kind.CONSENT_ELECTRONIC,
            form=Form.ELECTRONIC,
            evidence=None,
            person_key=bytes(31) + b"\1",
        ),
        SCOPE,
    ),
    "guardians": (
        a_consent(
            capacity=Capacity.SELF_AND_GUARDIAN,
            secrecy=Secrecy.ENTRUSTED,
            signers=(replace(SUBJECT, entrusting=True), PARENT, CARER, OFFICIAL, ENTRUSTING),
        ),
        SCOPE,
    ),
}
ENDS = [
    Became(),
    *(Became(status=status, at=ENDED_AT) for status in Status if status is not Status.GIVEN),
    Became(status=Status.ENDED),
]


def receipt_of(consent: ConsentRecord, scope: Scope, since: Became) -> dict[str, Any]:
    """Return the receipt as its reader reads it; our strict reader refuses a repeated key."""
    made = export_receipt(consent, scope, since, receipt_id=RECEIPT_ID, created=ENDED_AT)
    read: dict[str, Any] = loads(encode(made), limit=10**6, depth=12)
    return read


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def terms(document: dict[str, Any]) -> Iterator[str]:
    """Return every term a document uses: members, types, and things it names by their IRI."""
    body = {name: value for name, value in document.items() if name != "@context"}
    for node in nodes(body):
        yield from (name for name in node if not name.startswith("@"))
        types = node.get("@type", [])
        yield from [types] if isinstance(types, str) else types
        named = node.get("@id", "")
        if named.partition(":")[0] in export.CONTEXT:
            yield named


def expanded(term: str) -> str:
    prefix, _, name = term.partition(":")
    base = export.CONTEXT.get(prefix)
    return f"{base}{name}" if isinstance(base, str) else term


@pytest.mark.parametrize("since", ENDS, ids=lambda since: f"{since.status.name}-{since.at}")
@pytest.mark.parametrize("shape", SHAPES)
def test_record_and_receipt_keep_the_documented_structure(shape: str, since: Became) -> None:
    consent, scope = SHAPES[shape]
    read = loads(encode(export_record(consent, scope, since)), limit=10**6, depth=12)
    VALID.validate(read)
    VALID.validate(receipt_of(consent, scope, since))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_term_exists_in_the_vocabulary_it_belongs_to(shape: str) -> None:
    consent, scope = SHAPES[shape]
    used = {term for since in ENDS for term in terms(receipt_of(consent, scope, since))}
    foreign = {term for term in used if not term.startswith(("xch:", "xsd:", "rdf:value"))}
    assert {term for term in foreign if term.startswith("dct:")} <= DUBLIN_CORE
    ours = {expanded(term) for term in foreign if not term.startswith("dct:")}
    assert ours <= TERMS, sorted(ours - TERMS)


def test_every_term_of_the_shipped_vocabulary_exists() -> None:
    vocabulary = shipped()
    used = {entry.dpv for entry in vocabulary.purposes.values()}
    for entry in vocabulary.categories.values():
        used |= entry.dpv
    assert used <= TERMS, sorted(used - TERMS)


NEVER = (
    *("ConsentRequested", "ConsentRefused", "ConsentRequestDeferred", "ConsentTerminated"),
    *("isImplementedBy", "receipt-record"),
)


def test_terms_that_do_not_exist_here_are_never_written() -> None:
    written = {
        expanded(term).rpartition("#")[2]
        for consent, scope in SHAPES.values()
        for since in ENDS
        for term in terms(receipt_of(consent, scope, since))
    }
    assert written.isdisjoint(NEVER)


@pytest.mark.parametrize(
    ("why", "reason", "status"),
    [
        ("withdrawn", None, "dpv:ConsentWithdrawn"),
        ("expired", None, "dpv:ConsentExpired"),
        ("used-up", None, "dpv:ConsentExpired"),
        ("agreement", None, "dpv:ConsentRevoked"),
        ("agency", EndReason.PURPOSE_REACHED, "dpv:ConsentRevoked"),
        ("agency", EndReason.RECORDED_IN_ERROR, "dpv:ConsentRevoked"),
        ("agency", EndReason.UNLAWFUL, "dpv:ConsentInvalidated"),
        (None, None, "dpv:ConsentStatusInvalidForProcessing"),
    ],
)
def test_each_end_has_its_own_status(
    why: str | None, reason: EndReason | None, status: str
) -> None:
    found = became(ended=True, why=why, reason=reason, at=ENDED_AT)
    events = export_record(CONSENT, SCOPE, found)["dpv:hasConsentStatus"]
    assert isinstance(events, list)
    assert [event["@type"] for event in events] == ["dpv:ConsentGiven", status]
    assert events[1]["dpv:isIndicatedAtTime"]["@value"] == "2026-04-01T08:00:00Z"


def test_a_consent_in_force_is_given_and_nothing_else() -> None:
    found = became(ended=False, why=None, reason=None, at=None)
    assert found == Became()
    events = export_record(CONSENT, SCOPE, found)["dpv:hasConsentStatus"]
    assert isinstance(events, list)
    assert [event["@type"] for event in events] == ["dpv:ConsentGiven"]


def test_a_reason_nobody_knows_is_not_exported() -> None:
    with pytest.raises(Malformed):
        became(ended=True, why="declined", reason=None, at=None)


ISO: dict[str, tuple[str, ...]] = {
    "schema_version": ("dct:conformsTo",),
    "record_id": ("dct:identifier",),
    "pii_principal_id": ("dpv:hasDataSubject", "dct:identifier"),
    "privacy_notice": ("dpv:hasProcess", "dpv:hasNotice", "xch:sha256"),
    "language": ("dpv:hasProcess", "dpv:hasNotice", "dct:language"),
    "purpose": ("dpv:hasProcess", "dpv:hasPurpose", "dct:title", "@value"),
    "purpose_type": ("dpv:hasProcess", "dpv:hasPurpose", "@type"),
    "lawful_basis": ("dpv:hasProcess", "dpv:hasLegalBasis"),
    "pii_information": ("dpv:hasProcess", "dpv:hasPersonalData"),
    "pii_controllers": ("dpv:hasProcess", "dpv:hasDataController"),
    "recipient_third_parties": ("dpv:hasProcess", "dpv:hasRecipient"),
    "processing_method": ("dpv:hasProcess", "dpv:hasProcessing"),
    "pii_optional": ("dpv:hasProcess", "dpv:hasNecessity"),
    "storage_locations": ("dpv:hasProcess", "dpv:hasStorageCondition"),
    "jurisdiction": ("dpv:hasJurisdiction",),
    "applicable_law": ("dpv:hasApplicableLaw",),
    "withdrawal_method": ("dpv:hasProcess", "dpv:hasConsentControl", "dpv:isExercisedAt"),
    "privacy_rights": ("dpv:hasProcess", "dpv:hasRight"),
    "parties": ("dpv:hasEntity",),
    "events": ("dpv:hasConsentStatus",),
}


@pytest.mark.parametrize("element", ISO)
def test_every_mandatory_element_is_there_and_says_something(element: str) -> None:
    found: Any = export_record(CONSENT, SCOPE, Became())
    for name in ISO[element]:
        found = found[name]
    assert found


def test_each_party_has_name_address_contact_role_and_type() -> None:
    found = export_record(CONSENT, SCOPE, Became())["dpv:hasEntity"]
    assert isinstance(found, list)
    jobcentre, women, authority = found
    assert jobcentre["@type"] == [
        "dpv:GovernmentalOrganisation",
        "dpv:Recipient",
        "dpv:DataImporter",
    ]
    assert women["@type"] == [
        "dpv:NonGovernmentalOrganisation",
        "dpv:DataController",
        "dpv:DataExporter",
    ]
    assert women["dpv:hasName"] == "Frauenberatung B"
    assert women["dpv:hasAddress"] == women["dpv:hasContact"] == "Nebenweg 2, 00000 Musterstadt"
    assert women["dpv:hasDataProtectionOfficer"]["dpv:hasContact"].startswith("datenschutz@")
    assert authority == {
        "@type": "dpv:DataProtectionAuthority",
        "dpv:hasName": "Landesbeauftragte für den Datenschutz",
    }


def test_who_only_collects_is_a_controller_and_no_exporter() -> None:
    consent, scope = SHAPES["collected by the recipient"]
    found = export_record(consent, scope, Became())
    entities = found["dpv:hasEntity"]
    assert isinstance(entities, list)
    assert entities[0]["@type"] == [
        "dpv:GovernmentalOrganisation",
        "dpv:DataController",
        "dpv:Recipient",
        "dpv:DataImporter",
    ]


def test_the_kind_of_data_decides_about_article_nine() -> None:
    for scope, expected in ((SCOPE, False), (SPECIAL, True)):
        process: Any = export_record(CONSENT, scope, Became())["dpv:hasProcess"]
        assert ({"@id": "eu-gdpr:A9-2-a"} in process["dpv:hasLegalBasis"]) is expected
        special = "https://w3id.org/dpv#SpecialCategoryPersonalData"
        assert (special in process["dpv:hasPersonalData"][0]["@type"]) is expected


def test_the_receipt_has_an_id_of_its_own_and_holds_the_record() -> None:
    found = receipt_of(CONSENT, SCOPE, Became())
    assert found["@type"] == "dpv:ConsentReceipt"
    assert found["dct:identifier"] == RECEIPT_ID
    assert found["dct:conformsTo"]["@id"].endswith("#receipt-eu-gdpr")
    record: Any = export_record(CONSENT, SCOPE, Became())
    del record["@context"]
    assert found["dct:source"] == record


def test_the_sealed_block_is_not_exported() -> None:
    sealed = b64u(CONSENT.subject.sealed).encode("ascii")
    assert sealed not in encode(export_record(CONSENT, SCOPE, Became()))


def test_a_label_missing_in_the_language_shown_is_never_replaced() -> None:
    french = replace(CONSENT, notice=replace(CONSENT.notice, lang="fr"))
    with pytest.raises(Malformed, match="language of the notice"):
        export_record(french, SCOPE, Became())


def kantara(receipt: dict[str, Any]) -> dict[str, Any]:
    """Map our receipt to the fields of the Kantara consent receipt 1.1."""
    record = receipt["dct:source"]
    process = record["dpv:hasProcess"]
    given, *ended = record["dpv:hasConsentStatus"]
    parties = {one["@id"]: one for one in record["dpv:hasEntity"] if "@id" in one}
    special = [
        data["dct:identifier"]
        for data in process["dpv:hasPersonalData"]
        if any(term.endswith("#SpecialCategoryPersonalData") for term in data["@type"])
    ]
    at = datetime.fromisoformat(given["dpv:isIndicatedAtTime"]["@value"])
    return {
        "version": "KI-CR-v1.1.0",
        "jurisdiction": record["dpv:hasJurisdiction"]["@id"].removeprefix("loc:"),
        "consentTimestamp": int(at.timestamp()),
        "collectionMethod": given["dpv:hasIndicationMethod"],
        "consentReceiptID": receipt["dct:identifier"],
        "language": process["dpv:hasNotice"]["dct:language"],
        "piiPrincipalId": record["dpv:hasDataSubject"]["dct:identifier"],
        "piiControllers": [
            {
                "piiController": parties[one["@id"]]["dpv:hasName"],
                "contact": parties[one["@id"]]["dpv:hasContact"],
                "address": {"streetAddress": parties[one["@id"]]["dpv:hasAddress"]},
                "email": parties[one["@id"]]["dpv:hasDataProtectionOfficer"]["dpv:hasContact"],
                "phone": parties[one["@id"]]["dpv:hasContact"],
            }
            for one in process["dpv:hasDataController"]
        ],
        "policyUrl": process["dpv:hasConsentControl"]["dpv:isExercisedAt"][0],
        "services": [
            {
                "service": record["dct:isPartOf"]["dct:title"],
                "purposes": [
                    {
                        "purpose": process["dpv:hasPurpose"]["dct:title"]["@value"],
                        "consentType": "EXPLICIT",
                        "purposeCategory": [process["dpv:hasPurpose"]["@type"]],
                        "piiCategory": [
                            data["dct:identifier"] for data in process["dpv:hasPersonalData"]
                        ],
                        "primaryPurpose": True,
                        "termination": given["dpv:hasDuration"][0]["rdf:value"]["@value"],
                        "thirdPartyDisclosure": True,
                        "thirdPartyName": ", ".join(
                            parties[one["@id"]]["dpv:hasName"]
                            for one in process["dpv:hasRecipient"]
                        ),
                    }
                ],
            }
        ],
        "sensitive": bool(special),
        "spiCat": special,
        "ended": [event["@type"] for event in ended],
    }


TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "minItems": 1}
CONTROLLER: dict[str, Any] = {
    **dict.fromkeys(("piiController", "contact", "email", "phone"), TEXT),
    "address": {"type": "object", "minProperties": 1},
}
PURPOSE: dict[str, Any] = {
    **dict.fromkeys(("purpose", "consentType", "termination", "thirdPartyName"), TEXT),
    "purposeCategory": TEXTS,
    "piiCategory": TEXTS,
    "thirdPartyDisclosure": {"const": True},
}
SERVICE: dict[str, Any] = {"service": TEXT}
KANTARA: dict[str, Any] = {
    **dict.fromkeys(("version", "jurisdiction", "collectionMethod", "consentReceiptID"), TEXT),
    **dict.fromkeys(("language", "piiPrincipalId", "policyUrl"), TEXT),
    "consentTimestamp": {"type": "integer", "minimum": 0},
    "sensitive": {"type": "boolean"},
    "spiCat": {"type": "array", "items": TEXT},
}


def with_all(members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members)}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_kantara_receipt_can_be_made_of_ours(shape: str) -> None:
    """The fields and types that the Kantara consent receipt 1.1 demands, written out here."""
    consent, scope = SHAPES[shape]
    purposes = {"type": "array", "items": with_all(PURPOSE), "minItems": 1}
    services = {"type": "array", "items": with_all({**SERVICE, "purposes": purposes})}
    controllers = {"type": "array", "items": with_all(CONTROLLER), "minItems": 1}
    demanded = with_all({**KANTARA, "services": services, "piiControllers": controllers})
    mapped = kantara(receipt_of(consent, scope, Became()))
    Draft202012Validator(demanded).validate(mapped)
    assert mapped["sensitive"] is any(
        scope.vocabulary.categories[code].special for code in consent.categories
    )
