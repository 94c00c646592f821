"""exchange.rules: every rule has an id, a severity and words in both languages."""

import re

import pytest

from exchange.errors import Finding, LintRefused
from exchange.rules import LANGUAGES, broken, refuse, refused, rules, sentence

FAMILIES = {"L": 48, "A": 11, "N": 6, "V": 4, "S": 6}
WARNINGS = {
    *("L02", "L05", "L08", "L13", "L17", "L19", "L23", "L27", "L28", "L39", "L40", "L45"),
    *("A08", "A11", "N06"),
}
NARROW = Finding("L09", "refuse", "categories")
SEVERAL = Finding("L02", "warn", "recipients")


def test_the_rules_are_numbered_without_a_gap() -> None:
    expected = [
        f"{family}{number:02d}"
        for family, most in FAMILIES.items()
        for number in range(1, most + 1)
    ]
    assert list(rules()) == expected


def test_a_rule_refuses_unless_it_is_known_to_warn() -> None:
    assert {rule.id for rule in rules().values() if rule.severity == "warn"} == WARNINGS
    assert {rule.severity for rule in rules().values()} == {"refuse", "warn"}


def test_names_are_short_and_unique() -> None:
    names = [rule.name for rule in rules().values()]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


@pytest.mark.parametrize("id_", rules())
def test_a_rule_has_words_in_both_languages(id_: str) -> None:
    rule = rules()[id_]

    assert rule.words.keys() == set(LANGUAGES)
    assert len({*rule.words.values()}) == len(LANGUAGES)
    for text in [*rule.words.values(), rule.when]:
        assert text == text.strip() != ""
        assert set(re.findall(r"\{.*?\}", text)) <= {"{days}"}
    assert all(text[-1] in ".?" for text in rule.words.values())


def test_only_the_rule_about_a_limit_says_how_many_days() -> None:
    assert [rule.id for rule in rules().values() if "{days}" in rule.words["de"]] == ["L15"]
    assert [rule.id for rule in rules().values() if "{days}" in rule.words["en"]] == ["L15"]


def test_a_finding_takes_the_severity_of_its_rule() -> None:
    assert broken("L09", "categories") == NARROW
    assert broken("L02", "recipients") == SEVERAL
    assert broken("L15", "valid_until", days=183).days == 183


def test_a_message_names_the_days_admitted() -> None:
    long = broken("L15", "valid_until", days=183)

    assert sentence(long, "de") == "Die Geltungsdauer ist zu lang. Zulässig sind 183 Tage."
    assert sentence(NARROW, "en") == "The record is wider than the agreement."


def test_warnings_alone_stop_nothing() -> None:
    refuse(())
    refuse((SEVERAL,))


def test_one_refusal_stops_and_every_finding_is_told() -> None:
    with pytest.raises(LintRefused, match="it breaks L09") as stopped:
        refuse((SEVERAL, NARROW))

    assert stopped.value.findings == (SEVERAL, NARROW)


def test_a_reader_refuses_one_rule_at_once() -> None:
    error = refused("V04", "purpose")

    assert (str(error), error.findings) == ("it breaks V04", (Finding("V04", "refuse", "purpose"),))
