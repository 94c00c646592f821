"""A consent record and its receipt in the structure of ISO/IEC TS 27560, as JSON-LD.

Terms are those of the Data Privacy Vocabulary 2.3 (DPV), profile `dpv-27560`; what it has no term
for stands under `xch:`. docs/export.md lists every member, `export.schema.json` beside this file
checks them. The context is written out: reading an export asks nobody for anything. Never a
name of the person: who she is stays in the sealed block, which is not exported.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import files

from exchange.canonical import Json, b64u
from exchange.consent.record import ConsentRecord, Signer
from exchange.consent.withdrawal import EndReason
from exchange.consent.words import Power, Role
from exchange.errors import Malformed
from exchange.members import write_time
from exchange.vocabulary import Body, Scope, ScopeParty

RECORD_PROFILE = "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"
RECEIPT_PROFILE = "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr"
MEDIA_TYPE = "application/ld+json"
"""JSON-LD 1.1, section C."""

CONTEXT: Mapping[str, Json] = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "legal-eu": "https://w3id.org/dpv/legal/eu#",
    "loc": "https://w3id.org/dpv/loc#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xch": "urn:consent-exchange:term:",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
AGENCY_PREFIX = "urn:consent-exchange:agency:"
STATEMENT_PREFIX = "urn:consent-exchange:statement:"

RIGHTS = ("A7-3", "A15", "A16", "A17", "A18", "A20", "A77")
"""Articles of the GDPR the consent text names: withdraw, access, rectification, erasure,
restriction, portability, complaint."""


class Status(StrEnum):
    """What became of a consent, in terms of DPV.

    "Requested" and "refused" are missing on purpose: neither exists here (rule 6).
    """

    GIVEN = "dpv:ConsentGiven"
    WITHDRAWN = "dpv:ConsentWithdrawn"
    EXPIRED = "dpv:ConsentExpired"
    """Over, or used up."""
    REVOKED = "dpv:ConsentRevoked"
    """Ended by the collecting agency, with its agreement, or because the hub lost track of it."""
    INVALIDATED = "dpv:ConsentInvalidated"
    """Void from the start: a court, an authority or an officer has found so."""
    ENDED = "dpv:ConsentStatusInvalidForProcessing"
    """Ended; why is not for the one who exports."""


_STATUS: Mapping[str | None, Status] = {
    "withdrawn": Status.WITHDRAWN,
    "expired": Status.EXPIRED,
    "used-up": Status.EXPIRED,
    "agreement": Status.REVOKED,
    "restored": Status.REVOKED,
    "agency": Status.REVOKED,
    None: Status.ENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Became:
    """What became of the consent, as far as the one who exports may know."""

    status: Status = Status.GIVEN
    at: datetime | None = None
    """When it ended."""


def became(
    *, ended: bool, why: str | None, reason: EndReason | None, at: datetime | None
) -> Became:
    """Return what became of a consent, from what the hub says of it.

    Args:
        ended: whether it has ended.
        why: `withdrawn`, `agency`, `agreement`, `restored`, `expired`, `used-up`; None where that
            is hidden.
        reason: of the collecting agency, from its signed withdrawal.
        at: when it ended, where that is shown.

    Raises:
        Malformed: a reason this program does not know.
    """
    if not ended:
        return Became()
    if why not in _STATUS:
        raise Malformed("why it ended: not a known reason")
    status = Status.INVALIDATED if reason is EndReason.UNLAWFUL else _STATUS[why]
    return Became(status=status, at=at)


def schema() -> bytes:
    """Return the JSON Schema (2020-12) that every record and receipt of this module keeps."""
    return files("exchange.consent").joinpath("export.schema.json").read_bytes()


def export_record(
    consent: ConsentRecord, scope: Scope, since: Became, *, receipts: Iterable[bytes] = ()
) -> dict[str, Json]:
    """Return the record as a JSON-LD document; `canonical.encode` makes its bytes.

    Args:
        consent: verified.
        scope: of the agreement it lives under.
        since: what became of it.
        receipts: of the log's entries about it, oldest first (C2SP tlog-proof).

    Raises:
        Malformed: the agreement lacks a word in the language the person read.
    """
    return {"@context": dict(CONTEXT), **_record(consent, scope, since), **_proofs(receipts)}


def export_receipt(
    consent: ConsentRecord, scope: Scope, since: Became, *, receipt_id: str, created: datetime
) -> dict[str, Json]:
    """Return the receipt: its own id and time around the whole record.

    Args:
        consent: verified.
        scope: of the agreement it lives under.
        since: what became of it.
        receipt_id: UUID of this receipt, fresh each time.
        created: when it is made.

    Raises:
        Malformed: as `export_record`.
    """
    return {
        "@context": dict(CONTEXT),
        "@id": f"urn:uuid:{receipt_id}",
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": {"@id": RECEIPT_PROFILE},
        "dct:identifier": receipt_id,
        "dct:created": _moment(created),
        "dct:source": _record(consent, scope, since),
    }


def _record(consent: ConsentRecord, scope: Scope, since: Became) -> dict[str, Json]:
    return {
        "@id": f"urn:uuid:{consent.id}",
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": {"@id": RECORD_PROFILE},
        "dct:identifier": consent.id,
        "dct:issued": _moment(datetime.fromtimestamp(consent.iat, UTC)),
        "dpv:hasIdentifier": STATEMENT_PREFIX + consent.digest,
        "dct:isPartOf": {
            "@id": STATEMENT_PREFIX + consent.agreement,
            "dct:title": scope.texts.title,
        },
        "dpv:hasDataSubject": {
            "@type": "dpv:DataSubject",
            "dct:identifier": consent.subject.ref,
        },
        "dpv:hasJurisdiction": {"@id": "loc:DE"},
        "dpv:hasApplicableLaw": {"@id": "legal-eu:law-GDPR"},
        "dpv:hasProcess": _process(consent, scope),
        "dpv:hasEntity": _entities(consent, scope),
        "dpv:hasConsentStatus": _events(consent, since),
    }


def _proofs(receipts: Iterable[bytes]) -> dict[str, Json]:
    """Return what the transparency log proves of it: each receipt as the text of its file."""
    proofs: list[Json] = [receipt.decode("utf-8") for receipt in receipts]
    return {"xch:logReceipts": proofs} if proofs else {}


def _process(consent: ConsentRecord, scope: Scope) -> dict[str, Json]:
    special = any(scope.vocabulary.categories[code].special for code in consent.categories)
    bases = ["dpv:ExplicitlyExpressedConsent", "eu-gdpr:A6-1-a-explicit-consent"]
    found: dict[str, Json] = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@type": scope.vocabulary.purposes[consent.purpose.code].dpv,
            "dct:identifier": consent.purpose.code,
            "dct:title": _words(consent.purpose.words, consent.notice.lang),
        },
        "dpv:hasPersonalData": [_data(code, consent, scope) for code in sorted(consent.categories)],
        "dpv:hasSensitivityLevel": consent.secrecy.code,
        "dpv:hasProcessing": {"@id": "dpv:DiscloseByTransmission"},
        "dpv:hasLegalBasis": [{"@id": basis} for basis in bases + ["eu-gdpr:A9-2-a"] * special],
        "dpv:hasNecessity": {"@id": "dpv:Optional"},
        "dpv:hasDataController": _agencies(consent.releasers | {consent.collected_by}),
        "dpv:hasDataExporter": _agencies(consent.releasers),
        "dpv:hasRecipient": _agencies(consent.recipients),
        "dpv:hasDataImporter": _agencies(consent.recipients),
        "dpv:hasStorageCondition": _storage(consent, scope),
        "dpv:hasConsentControl": _withdrawing(scope),
        "dpv:hasNotice": _notice(consent),
        "dpv:hasRight": [
            {"@type": ["dpv:DataSubjectRight", f"eu-gdpr:{article}"]} for article in RIGHTS
        ],
    }
    if consent.onward_from:
        found["dpv:hasDataSource"] = _agencies(consent.onward_from)
    return found


def _data(code: str, consent: ConsentRecord, scope: Scope) -> dict[str, Json]:
    category = scope.vocabulary.categories[code]
    terms = set(category.dpv)
    if category.special:
        terms.add("https://w3id.org/dpv#SpecialCategoryPersonalData")
    return {
        "@type": sorted(terms),
        "dct:identifier": code,
        "dct:title": _label(category.labels, consent.notice.lang),
        "dpv:hasNecessity": {"@id": "dpv:Optional"},
    }


def _storage(consent: ConsentRecord, scope: Scope) -> list[Json]:
    kept = _label(scope.texts.retention, consent.notice.lang)
    return [
        {"@type": "dpv:StorageLocation", "dct:description": scope.texts.storage_location},
        {"@type": ["dpv:StorageDuration", "dpv:StorageDeletion"], "dct:description": kept},
    ]


def _withdrawing(scope: Scope) -> dict[str, Json]:
    """Any party takes a withdrawal; the page needs the person's code."""
    told = [scope.texts.page]
    told += [f"{party.name}, {party.contact}" for _, party in sorted(scope.parties.items())]
    return {"@type": "dpv:WithdrawConsent", "dpv:isExercisedAt": told}


def _notice(consent: ConsentRecord) -> dict[str, Json]:
    notice = consent.notice
    return {
        "@type": "dpv:ConsentNotice",
        "dct:identifier": notice.id,
        "dct:hasVersion": notice.version,
        "dct:language": notice.lang,
        "xch:sha256": notice.sha256,
        "xch:interpreter": notice.interpreter.value,
    }


def _entities(consent: ConsentRecord, scope: Scope) -> list[Json]:
    named = consent.releasers | consent.recipients | consent.onward_from | {consent.collected_by}
    found: list[Json] = [_party(scope.parties[agency], consent) for agency in sorted(named)]
    return [*found, {"@type": "dpv:DataProtectionAuthority", "dpv:hasName": scope.texts.authority}]


def _party(party: ScopeParty, consent: ConsentRecord) -> dict[str, Json]:
    public = party.body is not Body.PRIVATE
    types = ["dpv:GovernmentalOrganisation" if public else "dpv:NonGovernmentalOrganisation"]
    if party.agency in consent.releasers:
        types += ["dpv:DataController", "dpv:DataExporter"]
    elif party.agency == consent.collected_by:
        types.append("dpv:DataController")
    if party.agency in consent.recipients:
        types += ["dpv:Recipient", "dpv:DataImporter"]
    return {
        "@id": AGENCY_PREFIX + party.agency,
        "@type": types,
        "dct:identifier": party.agency,
        "dpv:hasName": party.name,
        "dpv:hasAddress": party.contact,
        "dpv:hasContact": party.contact,
        "dpv:hasDataProtectionOfficer": {
            "@type": "dpv:DataProtectionOfficer",
            "dpv:hasContact": party.officer,
        },
    }


def _events(consent: ConsentRecord, since: Became) -> list[Json]:
    given: dict[str, Json] = {
        "@type": Status.GIVEN.value,
        "dpv:isIndicatedAtTime": _moment(consent.collected_at),
        "dpv:isIndicatedBy": [
            _signer(signer) for signer in consent.signers if signer.role is not Role.WITNESS
        ],
        "dpv:isImplementedByEntity": {"@id": AGENCY_PREFIX + consent.collected_by},
        "dpv:hasIndicationMethod": consent.form.value,
        "dpv:hasJustification": consent.capacity_basis.value,
        "dpv:hasDuration": _durations(consent),
        "dpv:hasFrequency": {
            "@id": "dpv:SingularFrequency" if consent.uses == 1 else "dpv:SporadicFrequency"
        },
        "xch:capacity": consent.capacity.value,
    }
    if consent.form_reason is not None:
        given["xch:formReason"] = consent.form_reason.value
    if consent.person_key is not None:
        given["xch:personKey"] = b64u(consent.person_key)
    if consent.evidence is not None:
        given["xch:evidence"] = {
            "xch:sha256": consent.evidence.sha256,
            "xch:kind": consent.evidence.kind.value,
            "xch:pages": consent.evidence.pages,
        }
    if since.status is Status.GIVEN:
        return [given]
    ended: dict[str, Json] = {"@type": since.status.value}
    if since.at is not None:
        ended["dpv:isIndicatedAtTime"] = _moment(since.at)
    return [given, ended]


def _durations(consent: ConsentRecord) -> list[Json]:
    until: dict[str, Json] = {
        "@type": "dpv:UntilTimeDuration",
        "xch:validFrom": _moment(consent.valid_from),
        "rdf:value": _moment(consent.valid_until),
    }
    if consent.uses == "recurring":
        return [until]
    return [until, {"@type": "dpv:FixedOccurrencesDuration", "rdf:value": consent.uses}]


def _signer(signer: Signer) -> dict[str, Json]:
    kind = {Role.SUBJECT: "dpv:DataSubject", Role.GUARDIAN: "dpv:GuardianOfDataSubject"}
    term = kind.get(signer.role, "dpv:HumanSubject")
    found: dict[str, Json] = {
        "@type": "dpv:ParentOfDataSubject" if signer.power is Power.PARENT else term,
        "dct:identifier": signer.role.value,
        "dpv:isIndicatedAtTime": _moment(signer.at),
        "xch:identified": signer.identified.value,
        "xch:entrusting": signer.entrusting or None,
        "xch:power": signer.power and signer.power.value,
        "xch:powerUntil": _moment(signer.power_until) if signer.power_until else None,
        "xch:areasChecked": signer.areas_checked or None,
        "xch:custody": signer.custody and signer.custody.value,
        "xch:office": signer.office,
    }
    return {name: value for name, value in found.items() if value is not None}


def _agencies(agencies: Iterable[str]) -> list[Json]:
    return [{"@id": AGENCY_PREFIX + agency} for agency in sorted(agencies)]


def _moment(moment: datetime) -> dict[str, Json]:
    """Return a moment in whole seconds, as records write them; the hub's have fractions."""
    return {"@type": "xsd:dateTime", "@value": write_time(moment.replace(microsecond=0))}


def _words(text: str, lang: str) -> dict[str, Json]:
    return {"@value": text, "@language": lang}


def _label(labels: Mapping[str, str], lang: str) -> dict[str, Json]:
    """Return a label in the language the person read; another language would be another text."""
    if lang not in labels:
        raise Malformed("the agreement lacks a word in the language of the notice")
    return _words(labels[lang], lang)
