"""docs/agreement.md and docs/consent.md against the code: every field, word, rule and reason."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from exchange.agreement import record as agreements
from exchange.consent import withdrawal, words
from exchange.consent.decision import UNREAD, Reason
from exchange.rules import rules
from exchange.vocabulary import RESERVED, Body, PurposeClass, Secrecy
from tests import samples

DOCS = Path(__file__).parents[2] / "docs"
AGREEMENT = (DOCS / "agreement.md").read_text(encoding="utf-8")
CONSENT = (DOCS / "consent.md").read_text(encoding="utf-8")
RULES = (DOCS / "rules.md").read_text(encoding="utf-8")


def rows(text: str, heading: str) -> list[str]:
    """Return the first cells of the table below `heading`."""
    below = text.split(heading, 1)[1]
    table = below[below.index("\n|---") :].split("\n\n", 1)[0]
    return re.findall(r"^\| `?([^`|]+?)`? \|", table, re.MULTILINE)


def named(text: str) -> set[str]:
    return set(re.findall(r"`\"?([^`\"]+)\"?`", text))


@pytest.mark.parametrize("field", sorted(samples.AGREEMENT))
def test_every_field_of_an_agreement_is_explained(field: str) -> None:
    assert re.search(rf"^\| .*`{field}`.* \|", AGREEMENT, re.MULTILINE)


@pytest.mark.parametrize("field", [*sorted(samples.CONSENT), "form_reason", "person_key"])
def test_every_field_of_a_consent_is_explained(field: str) -> None:
    wanted = r"subject\.sealed" if field == "subject" else field
    assert re.search(rf"^\| .*`{wanted}`.* \|", CONSENT, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "among"),
    [
        (AGREEMENT, Body),
        (AGREEMENT, PurposeClass),
        (AGREEMENT, agreements.Release),
        (AGREEMENT, agreements.AttestationCode),
        (CONSENT, words.Form),
        (CONSENT, words.FormReason),
        (CONSENT, words.Capacity),
        (CONSENT, words.CapacityBasis),
        (CONSENT, words.Role),
        (CONSENT, words.Identified),
        (CONSENT, words.Power),
        (CONSENT, words.Custody),
        (CONSENT, words.Interpreter),
        (CONSENT, words.EvidenceKind),
        (CONSENT, withdrawal.By),
        (CONSENT, withdrawal.Channel),
        (CONSENT, withdrawal.EndReason),
    ],
)
def test_every_word_of_a_closed_list_is_named(text: str, among: type[StrEnum]) -> None:
    assert {word.value for word in among} <= named(text)


def test_secrecy_classes_reserved_categories_and_given_back_uses_are_named() -> None:
    assert {known.code for known in Secrecy} | RESERVED <= named(AGREEMENT)
    assert named(CONSENT) >= UNREAD


def test_the_reasons_are_listed_in_their_order() -> None:
    assert rows(CONSENT, "## The decision") == [reason.value for reason in Reason]


def test_every_rule_is_listed_in_order() -> None:
    assert re.findall(r"^\| `([A-Z]\d\d)`", RULES, re.MULTILINE) == list(rules())


def test_the_terms_of_signatures_and_notices_are_explained() -> None:
    assert rows(AGREEMENT, "## Term") == ["agreement-signature", "agreement-notice"]
