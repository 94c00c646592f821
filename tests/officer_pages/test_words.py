"""What the pages say: the same in both languages, for everything that can happen, and inert."""

import re
from importlib.resources import files
from typing import get_args

import pytest

from exchange.hub.answers.findings import FINDINGS
from exchange.hub.desk.shell import TEXTS, make_shell
from exchange.hub.desk.site import PLACES
from exchange.hub.remind_erasure import Outcome
from exchange.hub.settings import Person
from exchange.pages.words import PLACEHOLDER, USUAL, read_words
from tests.house.source import ROOT

SHELL = make_shell(PLACES, provider=True, person=Person())


@pytest.mark.parametrize("lang", USUAL)
def test_both_languages_have_the_same_texts_with_the_same_places(lang: str) -> None:
    german, texts = SHELL.words["de"].texts, SHELL.words[lang].texts
    assert texts.keys() == german.keys()
    for key, text in texts.items():
        assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(german[key])), key
        assert text.strip() == text != "", key
        assert not re.search(r"[<>&]", text), key


@pytest.mark.parametrize("lang", USUAL)
def test_no_two_groups_of_pages_have_a_text_in_common(lang: str) -> None:
    folder = files("exchange.hub.desk").joinpath("texts")
    read = [read_words(folder.joinpath(name), lang).texts for name in TEXTS]
    assert sum(map(len, read)) == len(SHELL.words[lang].texts)


def test_every_text_that_a_template_asks_for_is_there() -> None:
    templates = (ROOT / "exchange" / "hub" / "desk" / "templates").glob("*.html")
    asked = {
        key
        for template in templates
        for key in re.findall(r"say\(\"([a-z0-9_.-]+)\"[,)]", template.read_text("utf-8"))
    }
    assert asked
    assert asked - SHELL.words["de"].texts.keys() == set()


def test_every_text_that_a_page_asks_for_is_there() -> None:
    modules = (ROOT / "exchange" / "hub" / "desk").glob("*.py")
    asked = {
        key
        for module in modules
        for key in re.findall(r"say\(\s*\"([a-z0-9_.-]+)\"[,)]", module.read_text("utf-8"))
    }
    assert asked
    assert asked - SHELL.words["de"].texts.keys() == set()


@pytest.mark.parametrize("lang", USUAL)
def test_every_finding_has_its_texts_and_of_refusals_their_number_is_judged(lang: str) -> None:
    say = SHELL.words[lang]
    for finding in FINDINGS:
        for key in ("heading", "what", "do"):
            assert say.knows(f"finding.{finding}.{key}"), finding
        for key in ("one", "many", "more"):
            assert say.knows(f"finding.{finding}.{key}") is (finding != "refused"), finding
    assert say.knows("refusals.unusual")
    assert say.knows("refusals.usual")


@pytest.mark.parametrize("lang", USUAL)
def test_what_is_chosen_by_a_word_of_the_code_has_a_text(lang: str) -> None:
    say = SHELL.words[lang]
    for place in PLACES:
        assert not place.part or say.knows(f"part.{place.part}"), place.part
    for role in ("officer", "auditor", "operator"):
        assert say.knows(f"role.{role}")
        assert say.knows(f"account.reads_{role}")
    for what in ("link-made", "login", "proved", "logout", "removed"):
        assert say.knows(f"visit.{what}")
    for outcome in get_args(Outcome):
        assert say.knows(f"reminder.{outcome}")
    for key in ("asked_overdue", "asked_open", "owed_overdue"):
        assert say.knows(f"attention.{key}.one")
        assert say.knows(f"attention.{key}.many")
