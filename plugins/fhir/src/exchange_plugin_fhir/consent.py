"""Writes the consent record as FHIR Consent: what was allowed, to whom, until when.

The person stays unnamed: she is the random reference that only the agencies can resolve. The
record itself, with its signature, stays with the exchange; its digest is an identifier here.
"""

from datetime import timedelta

from exchange.hookspecs import ConsentTerms
from exchange_plugin_fhir import systems
from exchange_plugin_fhir.configure import Version
from exchange_plugin_fhir.systems import HL7, Node, coding, concept

_LAW = "Einwilligung (DSGVO)"


def consent(terms: ConsentTerms, documents: list[str], *, version: Version) -> Node:
    """Return the resource, without its id.

    Args:
        terms: what the record allows.
        documents: addresses of the DocumentReference resources that came under it.
        version: release of FHIR; R5 has laid the resource out anew.
    """
    both: Node = {
        "resourceType": "Consent",
        "identifier": [
            {"system": systems.URI, "value": f"urn:uuid:{terms.id}"},
            {"system": systems.URI, "value": systems.digest_uri(terms.sha256)},
        ],
        "status": "active",  # it was, at the moment the document was collected
        "category": [
            concept(coding(f"{HL7}v3-ActCode", "IDSCL", "information disclosure")),
            concept(coding(systems.FORM, terms.form)),
        ],
    }
    return both | (_r5(terms, documents) if version == "R5" else _r4(terms, documents))


def _r4(terms: ConsentTerms, documents: list[str]) -> Node:
    return {
        "scope": concept(coding(f"{HL7}consentscope", "patient-privacy", "Privacy Consent")),
        "patient": systems.person(terms.subject_ref),
        "dateTime": systems.instant(terms.collected_at),
        "organization": [systems.agency(terms.collected_by)],
        "policy": [{"uri": systems.AGREEMENT + terms.agreement}],
        "policyRule": _basis(),
        "provision": {"type": "permit", "period": _period(terms), **_provision(terms, documents)},
    }


def _r5(terms: ConsentTerms, documents: list[str]) -> Node:
    person = systems.person(terms.subject_ref)
    return {
        "subject": person,
        "date": systems.instant(terms.collected_at)[:10],
        "period": _period(terms),
        "grantor": [person],
        "grantee": [systems.agency(recipient) for recipient in terms.recipients],
        "manager": [systems.agency(terms.collected_by)],
        "controller": [systems.agency(releaser) for releaser in terms.releasers],
        "regulatoryBasis": [_basis()],
        "policyBasis": {"url": systems.AGREEMENT + terms.agreement},
        "decision": "permit",
        "provision": [_provision(terms, documents)],
    }


def _basis() -> Node:
    return concept(coding(f"{HL7}v3-ActCode", "OPTIN", "opt-in"), text=_LAW)


def _period(terms: ConsentTerms) -> Node:
    """Return the term; FHIR counts the end in, the record does not."""
    last = terms.valid_until - timedelta(seconds=1)
    return {"start": systems.instant(terms.valid_from), "end": systems.instant(last)}


def _provision(terms: ConsentTerms, documents: list[str]) -> Node:
    return {
        "actor": [
            *(_actor("CST", "custodian", releaser) for releaser in terms.releasers),
            *(_actor("IRCP", "information recipient", one) for one in terms.recipients),
        ],
        "action": [concept(coding(f"{HL7}consentaction", "disclose", "Disclose"))],
        "purpose": [coding(systems.PURPOSE, terms.purpose.code, terms.purpose_words)],
        "code": [systems.label(systems.CATEGORY, category) for category in terms.categories],
        "data": [{"meaning": "instance", "reference": {"reference": one}} for one in documents],
    }


def _actor(role: str, display: str, agency_id: str) -> Node:
    return {
        "role": concept(coding(f"{HL7}v3-ParticipationType", role, display)),
        "reference": systems.agency(agency_id),
    }
