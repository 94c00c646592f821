"""exchange.vocabulary: the shipped entries, what an own entry may not be, and scopes."""

from dataclasses import replace
from typing import Any

import pytest

from exchange.errors import LintRefused, Malformed
from exchange.vocabulary import (
    RESERVED,
    Body,
    Category,
    Purpose,
    PurposeClass,
    Scope,
    Secrecy,
    UsualUses,
    read_vocabulary,
    secrecy,
    shipped,
)
from tests import samples

SCOPE = samples.agreement().scope()
PURPOSE: dict[str, Any] = {
    "class": "support",
    "uses": "once",
    "label": {"de": "einen Platz finden", "en": "to find a place"},
    "usual": ["appointment-note", "visit-note"],
    "dpv": "https://w3id.org/dpv#Purpose",
}
CATEGORY: dict[str, Any] = {
    "special": False,
    "secrecy": "social",
    "label": {"de": "Zettel", "en": "slip"},
    "dpv": ["https://w3id.org/dpv#PersonalData"],
}


def test_secrecy_classes_are_a_total_order() -> None:
    assert [known.code for known in sorted(Secrecy)] == [
        "personal",
        "social",
        "professional",
        "entrusted",
    ]
    assert [secrecy(known.code) for known in Secrecy] == list(Secrecy)
    for text in ("secret", "SOCIAL", "", 1, None):
        with pytest.raises(Malformed):
            secrecy(text)


def test_the_shipped_vocabulary_is_complete() -> None:
    vocabulary = shipped()
    assert (len(vocabulary.purposes), len(vocabulary.categories)) == (18, 27)
    assert read_vocabulary(vocabulary.payload()) == vocabulary
    for purpose in vocabulary.purposes.values():
        assert purpose.usual <= vocabulary.categories.keys()
        assert set(purpose.labels) == {"de", "en", "de-simple"}
    for category in vocabulary.categories.values():
        assert set(category.labels) == {"de", "en", "de-simple"}
    special = {name for name, entry in vocabulary.categories.items() if entry.special}
    assert special == {
        "care-note",
        "counselling-attendance",
        "disability-record",
        "medical-psychological-statement",
        "treatment-agreement",
        "work-ability-note",
    }


def test_shipped_entries_say_what_they_say() -> None:
    vocabulary = shipped()
    assert vocabulary.purposes["joint-talk"].uses is UsualUses.ONCE
    assert vocabulary.purposes["training-placement"].purpose_class is PurposeClass.PLACEMENT
    assert vocabulary.purposes["housing-loss"].usual == {
        "rent-arrears-letter",
        "tenancy-termination",
        "energy-bill",
        "housing-cost-statement",
        "debt-list",
        "payment-statement",
    }
    assert vocabulary.categories["youth-note"] == Category(
        code="youth-note",
        special=False,
        secrecy=Secrecy.ENTRUSTED,
        labels={
            "de": "Mitteilung der Jugendhilfe",
            "en": "note of the youth office",
            "de-simple": "Brief vom Jugend-Amt",
        },
        dpv=frozenset({"https://w3id.org/dpv#PersonalData"}),
    )


def test_an_own_purpose_is_read_and_written() -> None:
    found = read_vocabulary({"purpose": {"kreis-x/place": PURPOSE}})
    assert found.purposes == {
        "kreis-x/place": Purpose(
            code="kreis-x/place",
            purpose_class=PurposeClass.SUPPORT,
            uses=UsualUses.ONCE,
            labels={"de": "einen Platz finden", "en": "to find a place"},
            usual=frozenset({"appointment-note", "visit-note"}),
            dpv="https://w3id.org/dpv#Purpose",
        )
    }
    assert found.payload() == {"purpose": {"kreis-x/place": PURPOSE}, "category": {}}


def test_an_own_category_is_read_and_written() -> None:
    found = read_vocabulary({"category": {"kreis-x/slip": CATEGORY}})
    assert found.categories["kreis-x/slip"].secrecy is Secrecy.SOCIAL
    assert found.payload() == {"purpose": {}, "category": {"kreis-x/slip": CATEGORY}}


def test_entries_without_a_foreign_term_have_the_most_general_one() -> None:
    found = read_vocabulary(
        {
            "purpose": {"x": {name: PURPOSE[name] for name in PURPOSE if name != "dpv"}},
            "category": {"y": {name: CATEGORY[name] for name in CATEGORY if name != "dpv"}},
        }
    )
    assert found.purposes["x"].dpv == "https://w3id.org/dpv#Purpose"
    assert found.categories["y"].dpv == {"https://w3id.org/dpv#PersonalData"}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("V01", {"purpose": {"x": {**PURPOSE, "label": {"de": "nur deutsch"}}}}),
        ("V01", {"category": {"x": {**CATEGORY, "label": {"en": "English only"}}}}),
        ("V02", {"purpose": {"x": {**PURPOSE, "class": "sanction"}}}),
        ("V03", {"category": {"x": {**CATEGORY, "special": True, "secrecy": "personal"}}}),
        *[("L04", {"category": {name: CATEGORY}}) for name in RESERVED],
        ("L04", {"category": {"kreis-x/all": CATEGORY}}),
    ],
)
def test_an_entry_the_law_would_not_bear_is_refused_by_its_rule(
    rule: str, value: dict[str, Any]
) -> None:
    with pytest.raises(LintRefused) as refused:
        read_vocabulary(value)
    assert [finding.id for finding in refused.value.findings] == [rule]


def test_a_special_category_may_be_of_any_higher_class() -> None:
    found = read_vocabulary({"category": {"x": {**CATEGORY, "special": True}}})
    assert found.categories["x"].special


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"purposes": {}},
        {"purpose": []},
        {"purpose": {"Not A Code": PURPOSE}},
        {"purpose": {"x": {**PURPOSE, "remark": "y"}}},
        {"purpose": {"x": {**PURPOSE, "class": 1}}},
        {"purpose": {"x": {**PURPOSE, "uses": "often"}}},
        {"purpose": {"x": {**PURPOSE, "usual": ["b", "a"]}}},
        {"category": {"x": {**CATEGORY, "remark": "y"}}},
        {"category": {"x": {**CATEGORY, "special": "no"}}},
        {"category": {"x": {**CATEGORY, "secrecy": "secret"}}},
        {"category": {"x": {**CATEGORY, "label": {"german": "x"}}}},
        {"category": {f"a{n}": CATEGORY for n in range(257)}},
    ],
)
def test_a_broken_vocabulary_is_refused(value: object) -> None:
    with pytest.raises(Malformed):
        read_vocabulary(value)


def test_a_part_holds_what_was_asked_for() -> None:
    part = shipped().part(frozenset({"housing-loss"}), frozenset({"energy-bill"}))
    assert (list(part.purposes), list(part.categories)) == (["housing-loss"], ["energy-bill"])
    for purposes, categories in [({"unheard-of"}, set()), (set(), {"unheard-of"})]:
        with pytest.raises(Malformed):
            shipped().part(frozenset(purposes), frozenset(categories))


def test_own_entries_join_and_never_shadow() -> None:
    own = read_vocabulary(
        {"purpose": {"kreis-x/place": PURPOSE}, "category": {"kreis-x/slip": CATEGORY}}
    )
    joined = shipped().joined(own)
    assert joined.purposes["kreis-x/place"] == own.purposes["kreis-x/place"]
    assert joined.categories["kreis-x/slip"] == own.categories["kreis-x/slip"]
    assert joined.purposes.keys() > shipped().purposes.keys()
    for shadow in ({"purpose": {"housing-loss": PURPOSE}}, {"category": {"care-note": CATEGORY}}):
        with pytest.raises(LintRefused, match="V04"):
            shipped().joined(read_vocabulary(shadow))


@pytest.mark.parametrize(
    ("body", "secret_keeper", "floor"),
    [
        (Body.SGB35, False, Secrecy.SOCIAL),
        (Body.SGB35, True, Secrecy.PROFESSIONAL),
        (Body.PUBLIC, False, Secrecy.PERSONAL),
        (Body.PUBLIC, True, Secrecy.PROFESSIONAL),
        (Body.PRIVATE, False, Secrecy.PERSONAL),
        (Body.PRIVATE, True, Secrecy.PROFESSIONAL),
    ],
)
def test_the_floor_of_a_party_follows_its_legal_class(
    body: Body, secret_keeper: bool, floor: Secrecy
) -> None:
    party = replace(SCOPE.parties["women-b"], body=body, secret_keeper=secret_keeper)
    assert party.floor is floor


def test_the_floor_of_a_document_is_the_higher_of_sender_and_category() -> None:
    assert SCOPE.floor("women-b", "energy-bill") is Secrecy.PROFESSIONAL
    assert SCOPE.floor("jobcentre-a", "energy-bill") is Secrecy.SOCIAL
    open_office = replace(SCOPE.parties["jobcentre-a"], body=Body.PUBLIC)
    scope = replace(SCOPE, parties={"jobcentre-a": open_office})
    assert scope.floor("jobcentre-a", "energy-bill") is Secrecy.PERSONAL
    for sender, category in [("youth-d", "energy-bill"), ("women-b", "care-note")]:
        with pytest.raises(Malformed):
            SCOPE.floor(sender, category)


def covered(scope: Scope = SCOPE, **members: Any) -> bool:
    asked: dict[str, Any] = {
        "sender": "women-b",
        "recipients": frozenset({"jobcentre-a"}),
        "purpose": "housing-loss",
        "category": "tenancy-termination",
        "secrecy": Secrecy.PROFESSIONAL,
        **members,
    }
    return scope.covers(asked.pop("sender"), asked.pop("recipients"), **asked)


def test_what_the_agreement_admits_is_covered() -> None:
    assert covered()
    assert covered(
        sender="jobcentre-a",
        recipients=frozenset({"women-b"}),
        category="energy-bill",
        secrecy=Secrecy.SOCIAL,
    )


@pytest.mark.parametrize(
    "members",
    [
        {"sender": "youth-d"},
        {"sender": "jobcentre-a"},
        {"sender": "jobcentre-a", "recipients": frozenset({"women-b"}), "secrecy": Secrecy.SOCIAL},
        {"recipients": frozenset({"women-b"})},
        {"recipients": frozenset({"jobcentre-a", "youth-d"})},
        {"recipients": frozenset()},
        {"purpose": "debt-advice"},
        {"category": "care-note"},
        {"secrecy": Secrecy.ENTRUSTED},
        {"secrecy": Secrecy.SOCIAL},
    ],
)
def test_what_the_agreement_does_not_admit_is_not_covered(members: dict[str, Any]) -> None:
    assert not covered(**members)


def test_private_parties_without_undertaking_are_named() -> None:
    assert SCOPE.without_undertaking == frozenset()
    assert samples.agreement(undertakings=[]).scope().without_undertaking == {"women-b"}
