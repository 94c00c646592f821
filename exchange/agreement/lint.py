"""Whether an agreement keeps the rules of law that need judgement (A01 to A11).

Pure; asked at the gateways before signing and at the hub before recording. What its types decide,
A03, A04, A05 and A07, its reader refuses already; its texts are proofread in `exchange.consent`.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from exchange.agreement.record import Agreement, AttestationCode
from exchange.errors import Finding
from exchange.rules import broken
from exchange.vocabulary import NoticeText

YEARS = 3
"""Years for which consents and the evidence about them are usually kept (A11)."""
CONSENT_FORM = "consent-form"
EASY = "de-simple"
VAGUE = frozenset(
    {"aufgabenerfüllung", "aufgabenerledigung", "zusammenarbeit", "insbesondere", "usw", "etc"}
    | {"alle", "allem", "allen", "aller", "alles", "any", "all", "general", "various"}
    | {"allgemein", "allgemeine", "allgemeinem", "allgemeinen", "allgemeiner", "allgemeines"}
    | {"sonstige", "sonstigem", "sonstigen", "sonstiger", "sonstiges"}
)
"""Words with which a label allows anything (A02)."""

_WORD = re.compile(r"\w+")


def lint(agreement: Agreement, *, signed: Collection[str] | None = None) -> tuple[Finding, ...]:
    """Return every rule the agreement breaks, in the order of the rules.

    Args:
        agreement: as it was read.
        signed: the parties that have signed; None where that is not the question, as before the
            first signature.
    """
    checks = {
        "A01": ("parties", signed is not None and not agreement.agencies <= set(signed)),
        "A02": ("vocabulary", any(VAGUE & words for words in _labels(agreement))),
        "A06": ("undertakings", bool(agreement.scope().without_undertaking)),
        "A08": ("attestations", _lacks(agreement, AttestationCode.PROCESSING_CONTRACT)),
        "A09": (
            "attestations",
            any(party.secret_keeper for party in agreement.parties)
            and _lacks(agreement, AttestationCode.OPERATOR_BOUND_TO_SECRECY),
        ),
        "A11": ("retention", agreement.retention.years > YEARS),
    }
    found = [broken(rule, field) for rule, (field, applies) in checks.items() if applies]
    return tuple(sorted([*found, *_languages(agreement.notices)], key=lambda one: one.id))


def _labels(agreement: Agreement) -> Iterable[set[str]]:
    entries = (agreement.vocabulary.purposes, agreement.vocabulary.categories)
    for entry in (one for group in entries for one in group.values()):
        for label in entry.labels.values():
            yield {word.lower() for word in _WORD.findall(label)}


def _lacks(agreement: Agreement, code: AttestationCode) -> bool:
    return all(attestation.code is not code for attestation in agreement.attestations)


def _languages(texts: Iterable[NoticeText]) -> list[Finding]:
    """Return A10: refused without a German consent form, or with a text that has no German."""
    written: dict[tuple[str, str], set[str]] = {}
    for text in texts:
        written.setdefault((text.id, text.version), set()).add(text.lang)
    has_form = any(text_id.rpartition("/")[2] == CONSENT_FORM for text_id, _ in written)
    missing = broken("A10", "notices")
    if not has_form or any("de" not in languages for languages in written.values()):
        return [missing]
    if any(EASY not in languages for languages in written.values()):
        return [replace(missing, severity="warn")]
    return []
