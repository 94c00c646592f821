"""exchange.agreement.lint: each rule with an agreement that breaks it and one that keeps it."""

from dataclasses import replace
from typing import Any

import pytest

from exchange.agreement.lint import VAGUE, lint
from exchange.agreement.record import Agreement, Attestation, AttestationCode, Retention
from exchange.errors import Finding
from exchange.vocabulary import Vocabulary, shipped
from tests import samples

AGREEMENT = samples.agreement()
GERMAN = [text for text in AGREEMENT.notices if text.lang == "de"]
FORM = next(text for text in GERMAN if text.id == "consent-form")
CONTRACT, BOUND = AttestationCode.PROCESSING_CONTRACT, AttestationCode.OPERATOR_BOUND_TO_SECRECY


def without(code: AttestationCode) -> tuple[Attestation, ...]:
    return tuple(one for one in AGREEMENT.attestations if one.code is not code)


def labelled(text: str, *, lang: str = "de") -> dict[str, Any]:
    purposes = {
        name: replace(entry, labels={**entry.labels, lang: text})
        for name, entry in AGREEMENT.vocabulary.purposes.items()
    }
    return {"vocabulary": replace(AGREEMENT.vocabulary, purposes=purposes)}


def nobody_keeps_secrets() -> dict[str, Any]:
    return {"parties": tuple(replace(party, secret_keeper=False) for party in AGREEMENT.parties)}


BREAKING: list[tuple[str, str, str, dict[str, Any]]] = [
    ("A02", "refuse", "vocabulary", labelled("die Zusammenarbeit der Ämter")),
    ("A02", "refuse", "vocabulary", labelled("any other help", lang="en")),
    ("A06", "refuse", "undertakings", {"undertakings": ()}),
    ("A08", "warn", "attestations", {"attestations": without(CONTRACT)}),
    ("A09", "refuse", "attestations", {"attestations": without(BOUND)}),
    ("A10", "refuse", "notices", {"notices": ()}),
    (
        "A10",
        "refuse",
        "notices",
        {"notices": tuple(text for text in AGREEMENT.notices if text.id != "consent-form")},
    ),
    (
        "A10",
        "refuse",
        "notices",
        {"notices": tuple(text for text in AGREEMENT.notices if text.lang != "de")},
    ),
    ("A10", "warn", "notices", {"notices": tuple(GERMAN)}),
    ("A11", "warn", "retention", {"retention": Retention(years=4, words={})}),
]
KEEPING: list[dict[str, Any]] = [
    {},
    labelled("Alleinerziehende und allerlei Hilfen im Allgäu"),
    labelled("to help in generalised ways", lang="en"),
    {**nobody_keeps_secrets(), "attestations": without(BOUND)},
    {
        "notices": tuple(
            replace(FORM, id="women-b/consent-form", lang=lang) for lang in ("de", "de-simple")
        )
    },
    {"retention": Retention(years=3, words={})},
]


def changed(members: dict[str, Any]) -> Agreement:
    return replace(AGREEMENT, **members)


@pytest.mark.parametrize(("rule", "severity", "field", "members"), BREAKING)
def test_an_agreement_that_breaks_a_rule_is_found(
    rule: str, severity: Any, field: str, members: dict[str, Any]
) -> None:
    assert lint(changed(members)) == (Finding(rule, severity, field),)


@pytest.mark.parametrize("members", KEEPING)
def test_an_agreement_that_just_keeps_the_rules_has_no_finding(members: dict[str, Any]) -> None:
    assert lint(changed(members)) == ()


def test_a_party_that_has_not_signed_is_found_once_it_is_the_question() -> None:
    assert lint(AGREEMENT, signed={"jobcentre-a"}) == (Finding("A01", "refuse", "parties"),)
    assert lint(AGREEMENT, signed=["jobcentre-a", "women-b"]) == ()


def test_findings_come_in_the_order_of_the_rules() -> None:
    found = lint(changed({"undertakings": (), "attestations": (), "notices": tuple(GERMAN)}))

    assert [finding.id for finding in found] == ["A06", "A08", "A09", "A10"]


def test_no_label_of_the_shipped_vocabulary_is_vague() -> None:
    whole: Vocabulary = shipped()

    assert lint(changed({"vocabulary": whole})) == ()


@pytest.mark.parametrize("word", sorted(VAGUE))
def test_every_vague_word_is_found_whatever_its_case(word: str) -> None:
    assert lint(changed(labelled(f"Hilfen, {word.upper()} und mehr"))) != ()
