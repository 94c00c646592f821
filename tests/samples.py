"""Literal records for tests: one agreement of two parties and one consent under it.

Payloads are written out member by member, so that a renamed member fails a test. `changed` gives a
copy with other members; the values made from it are read by the real readers. The texts are the
shipped ones, and a consent bears the digest of what its person was really shown.
"""

from copy import deepcopy
from enum import Enum
from typing import Any

from exchange.agreement.reading import read_agreement
from exchange.agreement.record import Agreement
from exchange.canonical import digest, encode, sha256_hex
from exchange.consent import render, texts
from exchange.consent.record import ConsentRecord, read_consent
from exchange.errors import Malformed
from exchange.statement import Kind, Verified
from exchange.vocabulary import Scope, shipped

KID_A = "A" * 43
KID_B = "B" * 42 + "A"
AGREEMENT_DIGEST = "G" * 42 + "A"
CONSENT_DIGEST = "C" * 42 + "A"
NOTICE = "3fa3481d9a6bf37fc9802b7f47a7b2638a5b68652d17dc91f327388ad7642b5a"
"""Digest of the German consent form 1.0 with what `CONSENT` and `AGREEMENT` say."""

HOUSING = ["energy-bill", "rent-arrears-letter", "tenancy-termination"]

AGREEMENT: dict[str, Any] = {
    "id": "3f0c9b1e-6f57-4a3c-9d22-0a4f6d1c7b11",
    "iat": 1767261600,
    "drafted_by": "jobcentre-a",
    "title": "Vereinbarung zum Erhalt von Wohnraum",
    "term": {"from": "2025-12-31T23:00:00Z", "first_year": 2026, "notice_months": 3},
    "parties": [
        {
            "agency": "jobcentre-a",
            "kid": KID_A,
            "name": "Jobcenter Kreis A",
            "contact": "Am Markt 1, 00000 Musterstadt",
            "officer": "datenschutz@jobcentre-a.example",
            "public_label": "Amt 1",
            "body": "sgb35",
            "secret_keeper": False,
            "benefit": True,
        },
        {
            "agency": "women-b",
            "kid": KID_B,
            "name": "Frauenberatung B",
            "contact": "Nebenweg 2, 00000 Musterstadt",
            "officer": "datenschutz@women-b.example",
            "public_label": "Beratungsstelle 3",
            "body": "private",
            "secret_keeper": True,
            "benefit": False,
        },
    ],
    "collectors": ["women-b"],
    "flows": [
        {
            "from": "jobcentre-a",
            "to": "women-b",
            "categories": ["energy-bill", "rent-arrears-letter"],
            "secrecy": "social",
            "release": "consent",
        },
        {
            "from": "women-b",
            "to": "jobcentre-a",
            "categories": HOUSING,
            "secrecy": "professional",
            "release": "each",
        },
    ],
    "purposes": ["energy-debt", "housing-loss"],
    "vocabulary": shipped()
    .part(frozenset({"energy-debt", "housing-loss"}), frozenset(HOUSING))
    .payload(),
    "notices": [
        {
            "id": text.id,
            "version": text.version,
            "lang": text.lang,
            "sha256": text.sha256,
            "reviewed": text.reviewed,
            "text": text.text,
        }
        for text in texts.shipped()
        if text.id in texts.IN_AGREEMENTS
    ],
    "sole_basis": True,
    "refusal_consequences": "none",
    "undertakings": [{"agency": "women-b", "sha256": "ab" * 32}],
    "attestations": [
        {"code": "operator-bound-to-secrecy", "date": "2025-11-30"},
        {"code": "processing-contract", "date": "2025-12-01"},
    ],
    "authority": "Landesbeauftragte für den Datenschutz",
    "retention": {
        "years": 3,
        "words": {"de": "drei Jahre", "de-simple": "3 Jahre", "en": "three years"},
    },
    "limits": {"once_days": 183, "days": 366},
    "hub": {
        "operator": "IT des Kreises A",
        "storage_location": "Deutschland",
        "page": "hub.example/p/",
    },
}

CONSENT: dict[str, Any] = {
    "id": "5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a01",
    "iat": 1772444520,
    "agreement": AGREEMENT_DIGEST,
    "subject": {"ref": "7c2a4f10-2f0b-4b64-a3de-5a3f1c9be901", "sealed": "YWdlLWVuY3J5cHRpb24"},
    "releasers": ["women-b"],
    "recipients": ["jobcentre-a"],
    "onward_from": [],
    "categories": ["rent-arrears-letter", "tenancy-termination"],
    "secrecy": "professional",
    "purpose": {
        "code": "housing-loss",
        "words": "den Verlust der Wohnung abwenden (Mietschulden, Kündigung, Räumung)",
    },
    "uses": "recurring",
    "valid_from": "2026-03-02T09:40:00Z",
    "valid_until": "2026-08-31T22:00:00Z",
    "form": "written",
    "capacity": "self",
    "capacity_basis": "rule",
    "signers": [{"role": "subject", "at": "2026-03-02T09:40:00Z", "identified": "in-person"}],
    "notice": {
        "id": "consent-form",
        "version": "1.0",
        "lang": "de",
        "sha256": NOTICE,
        "interpreter": "none",
    },
    "evidence": {"sha256": "ef" * 32, "kind": "scan", "pages": 2},
    "collected_by": "women-b",
    "collected_at": "2026-03-02T09:40:00Z",
}


class Absent(Enum):
    """Tells a removed member from every value; it has one name in every process of the tests."""

    ABSENT = "absent"


UNKNOWN = "0" * 64
"""Digest of a text that is not rendered yet."""
ABSENT = Absent.ABSENT
"""Given as a member's value, it removes the member."""


def changed(payload: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a deep copy with other top-level members, or without those set to ABSENT."""
    copy = deepcopy({**payload, **members})
    return {name: value for name, value in copy.items() if value is not ABSENT}


def verified(
    kind: Kind,
    payload: dict[str, Any],
    *,
    signer: str | None = "jobcentre-a",
    kid: str | None = KID_A,
    digest_: str | None = None,
) -> Verified:
    """Return what `statement.verify` would say of a well signed statement with this payload."""
    statement = encode(payload)
    return Verified(kind, payload, signer, kid, digest_ or digest(statement), statement)


def agreement(**members: Any) -> Agreement:
    """Return the agreement, with other members where given."""
    return read_agreement(
        verified(Kind.AGREEMENT, changed(AGREEMENT, **members), digest_=AGREEMENT_DIGEST)
    )


def with_text(old: str, new: str, *, version: str = "1.0") -> list[dict[str, Any]]:
    """Return the agreement's texts with other words in every language of the consent form."""
    texts_: list[dict[str, Any]] = deepcopy(AGREEMENT["notices"])
    for text in texts_:
        if text["id"] == "consent-form":
            text["text"] = text["text"].replace(old, new)
            text |= {"version": version, "sha256": sha256_hex(text["text"].encode())}
    return texts_


def in_language(lang: str) -> dict[str, Any]:
    """Return the members of a consent whose person was shown the text in another language."""
    purpose = shipped().purposes["housing-loss"]
    return {
        "purpose": {"code": purpose.code, "words": purpose.labels[lang]},
        "notice": {**CONSENT["notice"], "lang": lang, "sha256": UNKNOWN},
    }


def noticed(payload: dict[str, Any], scope: Scope | None = None) -> dict[str, Any]:
    """Return the payload of a consent with the digest of what its person was shown.

    A digest that the test has chosen stays; so does that of a record of which no text can be
    rendered, because something else is wrong with it. Without a scope its agreement says what
    `AGREEMENT` says.
    """
    notice = payload.get("notice")
    if not isinstance(notice, dict) or notice.get("sha256") not in (NOTICE, UNKNOWN):
        return payload
    kind = Kind.CONSENT_ELECTRONIC if payload.get("form") == "electronic" else Kind.CONSENT
    try:
        record = read_consent(verified(kind, payload, signer="women-b", kid=KID_B))
        shown = render.notice_of(record, scope or agreement().scope())
    except Malformed:
        return payload
    return {**payload, "notice": {**payload["notice"], "sha256": sha256_hex(shown.encode())}}


def consent(kind: Kind = Kind.CONSENT, **members: Any) -> ConsentRecord:
    """Return the consent, with other members where given, under `agreement()`."""
    payload = noticed(changed(CONSENT, **members))
    return read_consent(
        verified(kind, payload, signer="women-b", kid=KID_B, digest_=CONSENT_DIGEST)
    )
