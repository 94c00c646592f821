"""docs/texts.md against the code: every kind of text, placeholder, condition, rule and reviewer."""

import re

from exchange.consent.template import KINDS
from exchange.consent.texts import Reviewer
from exchange.rules import rules
from tests.docs.generate import ROOT

TEXTS = (ROOT / "docs" / "texts.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table whose first column is called `heading`."""
    below = TEXTS.split(f"\n| {heading} |", 1)[1]
    rows = below[below.index("\n|---") :].split("\n\n", 1)[0].strip().splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", cell)


def test_every_placeholder_and_condition_is_explained_once() -> None:
    placeholders = [name for row in table("placeholder") for name in named(row[0])]
    assert sorted(placeholders) == sorted(
        frozenset[str]().union(*(kind.placeholders for kind in KINDS.values()))
    )
    conditions = [name for row in table("condition") for name in named(row[0])]
    assert sorted(conditions) == sorted(
        frozenset[str]().union(*(kind.conditions for kind in KINDS.values()))
    )


def test_every_kind_of_text_says_what_it_may_name() -> None:
    listed = {named(row[0])[0]: row for row in table("kind of text")}
    assert listed.keys() == KINDS.keys()
    for kind, (_, _, placeholders, conditions) in listed.items():
        if kind != "consent-form":  # "all below but"
            assert set(named(placeholders)) == KINDS[kind].placeholders
            assert set(named(conditions)) == KINDS[kind].conditions


def test_a_consent_form_may_name_all_but_what_is_excepted() -> None:
    (row,) = [row for row in table("kind of text") if row[0] == "`consent-form`"]
    everything = {name for line in table("placeholder") for name in named(line[0])}
    assert everything - set(named(row[2])) == KINDS["consent-form"].placeholders
    conditions = {name for line in table("condition") for name in named(line[0])}
    assert conditions - set(named(row[3])) == KINDS["consent-form"].conditions


def test_every_rule_for_texts_is_listed_with_its_severity() -> None:
    assert [tuple(row[:2]) for row in table("rule")] == [
        (rule.id, rule.severity) for rule in rules().values() if rule.id.startswith("N")
    ]
    assert {one.value for one in Reviewer} <= set(named(TEXTS))
