"""exchange.consent.binding: to whom the notice on purpose and secrecy is due, and which it is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from exchange.canonical import sha256_hex
from exchange.consent import binding
from exchange.consent.decision import Asked
from exchange.errors import Malformed
from exchange.vocabulary import Secrecy
from tests import samples

SCOPE = samples.agreement().scope()
ASKED = Asked(
    consent=samples.CONSENT_DIGEST,
    sender="jobcentre-a",
    recipients=frozenset({"women-b"}),
    purpose="housing-loss",
    category="rent-arrears-letter",
    secrecy=Secrecy.SOCIAL,
    exp=datetime(2026, 4, 15, tzinfo=UTC),
)
BODIES = {"sgb35": False, "public": True, "private": True}


@pytest.mark.parametrize(("body", "due"), BODIES.items())
def test_it_is_due_to_whoever_is_no_body_of_section_35(body: str, due: bool) -> None:
    parties = [party | {"body": body} for party in samples.AGREEMENT["parties"]]
    scope = samples.agreement(parties=parties, undertakings=[]).scope()
    assert binding.is_due(scope, ["women-b"]) is due


def test_one_recipient_it_is_due_to_is_enough_and_a_stranger_is_one() -> None:
    assert not binding.is_due(SCOPE, ["jobcentre-a"])
    assert binding.is_due(SCOPE, ["jobcentre-a", "women-b"])
    assert binding.is_due(SCOPE, ["youth-d"])


def test_it_names_sender_recipient_purpose_and_class() -> None:
    text = binding.notice(ASKED, SCOPE, lang="de").decode()
    assert text.startswith("Hinweis zur Zweckbindung und Geheimhaltung (§ 78 ")
    for said in (
        "Jobcenter Kreis A",
        "Frauenberatung B",
        "den Verlust der Wohnung",
        "Sozialgeheim",
    ):
        assert said in text


def test_where_the_agreement_has_it_in_another_language_only_it_is_german() -> None:
    assert b"Notice on purpose" in binding.notice(ASKED, SCOPE, lang="en")
    assert binding.notice(ASKED, SCOPE, lang="tr") == binding.notice(ASKED, SCOPE, lang="de")


def test_without_a_text_in_the_agreement_there_is_none() -> None:
    others = tuple(text for text in SCOPE.notices if text.id != "purpose-binding")
    bare = replace(SCOPE, notices=others)
    with pytest.raises(Malformed, match="no text purpose-binding"):
        binding.notice(ASKED, bare, lang="de")
    assert binding.named("00" * 32, ASKED, bare) is None


@pytest.mark.parametrize("lang", ["de", "en", "de-simple"])
def test_it_is_known_by_its_digest_in_every_language(lang: str) -> None:
    text = binding.notice(ASKED, SCOPE, lang=lang)
    assert binding.named(sha256_hex(text), ASKED, SCOPE) == text


@pytest.mark.parametrize(
    "other",
    [
        {"sender": "women-b"},
        {"recipients": frozenset({"jobcentre-a", "women-b"})},
        {"purpose": "energy-debt"},
        {"secrecy": Secrecy.PROFESSIONAL},
    ],
)
def test_the_notice_of_another_disclosure_is_not_taken(other: dict[str, Any]) -> None:
    text = binding.notice(replace(ASKED, **other), SCOPE, lang="de")
    assert binding.named(sha256_hex(text), ASKED, SCOPE) is None


def test_a_language_that_lacks_a_word_does_not_hide_the_others() -> None:
    german = next(text for text in SCOPE.notices if text.key == ("purpose-binding", "1.0", "de"))
    scope = replace(SCOPE, notices=(replace(german, lang="ar"), *SCOPE.notices))
    text = binding.notice(ASKED, scope, lang="de")
    assert binding.named(sha256_hex(text), ASKED, scope) == text
