"""Code systems and the small values of FHIR that everything here is made of."""

import base64
import unicodedata
from datetime import UTC, datetime
from typing import Any, TypeAlias

from exchange.hookspecs import Label

Node: TypeAlias = dict[str, Any]
"""A JSON object of FHIR."""

_OURS = "urn:consent-exchange:"
AGENCY = f"{_OURS}agency"
AGREEMENT = f"{_OURS}agreement:"
CATEGORY = f"{_OURS}category"
FILE_NUMBER = f"{_OURS}file-number"
FORM = f"{_OURS}consent-form"
PURPOSE = f"{_OURS}purpose"
SECRECY = f"{_OURS}secrecy"
SUBJECT = f"{_OURS}subject"
URI = "urn:ietf:rfc:3986"
"""System of identifiers that are themselves URIs."""

HL7 = "http://terminology.hl7.org/CodeSystem/"
_CONFIDENTIALITY = {"personal": "N", "social": "R", "professional": "R", "entrusted": "V"}
"""HL7 confidentiality by class of secrecy: normal, restricted, very restricted."""


def coding(system: str, code: str, display: str = "") -> Node:
    """Return a Coding."""
    shown = {"display": plain(display)} if plain(display) else {}
    return {"system": system, "code": code, **shown}


def concept(*codings: Node, text: str = "") -> Node:
    """Return a CodeableConcept."""
    said = {"text": plain(text)} if plain(text) else {}
    return {"coding": list(codings), **said}


def label(system: str, value: Label) -> Node:
    """Return a code of the network's vocabulary as CodeableConcept, in the words of its German."""
    return concept(coding(system, value.code, value.de), text=value.de)


def confidentiality(secrecy: Label) -> Node:
    """Return the security label that FHIR servers know; an unknown class is the strictest."""
    return concept(coding(f"{HL7}v3-Confidentiality", _CONFIDENTIALITY.get(secrecy.code, "V")))


def agency(agency_id: str, display: str = "") -> Node:
    """Return a logical Reference to an agency of the network."""
    shown = {"display": plain(display)} if plain(display) else {}
    who = {"system": AGENCY, "value": agency_id}
    return {"type": "Organization", "identifier": who, **shown}


def person(subject_ref: str) -> Node:
    """Return a logical Reference to the person: a pseudonym, no Patient."""
    return {"type": "Patient", "identifier": {"system": SUBJECT, "value": subject_ref}}


def digest_uri(sha256: str) -> str:
    """Return a SHA-256 digest as a URI (RFC 6920)."""
    text = base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode("ascii")
    return f"ni:///sha-256;{text.rstrip('=')}"


def instant(moment: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def plain(text: str) -> str:
    """Return `text` trimmed, with U+FFFD for characters that a FHIR string cannot hold."""
    return "".join(
        "\ufffd" if one not in "\r\n\t" and unicodedata.category(one) in {"Cc", "Cs"} else one
        for one in text
    ).strip()
