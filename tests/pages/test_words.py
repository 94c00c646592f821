"""What the pages say: the same in every language, for everything that can happen, and inert."""

import re
from datetime import UTC, datetime

import pytest

from exchange.audit.event import ENDINGS, MEMBERS
from exchange.consent.decision import Reason
from exchange.hub.pages.shell import make_shell
from exchange.hub.pages.words import LANGUAGES, read_words
from exchange.hub.settings import Person
from exchange.pages.words import PLACEHOLDER, Words, preferred
from exchange.vocabulary import Secrecy
from exchange.wire import acknowledgement, erasure

ALL = {lang: read_words(lang) for lang in LANGUAGES}
TEMPLATES = make_shell(Person(), lambda: 0.0).templates
LONGEST_WORD = 14
MOST_WORDS = 12


def places(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_has_the_same_texts_with_the_same_places(lang: str) -> None:
    german = ALL["de"].texts

    assert ALL[lang].texts.keys() == german.keys()
    assert {key: places(text) for key, text in ALL[lang].texts.items()} == {
        key: places(text) for key, text in german.items()
    }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_text_is_content_and_never_markup(lang: str) -> None:
    for key, text in ALL[lang].texts.items():
        assert text == text.strip() != "", key
        assert re.search(r"[<>&]|\{\{|\{%", text) is None, key


@pytest.mark.parametrize("lang", LANGUAGES)
def test_whatever_can_happen_has_words(lang: str) -> None:
    words = ALL[lang]
    wanted = {f"event.{kind}.it" for kind in MEMBERS}
    wanted |= {f"reason.{reason}" for reason in {*Reason, *ENDINGS, *acknowledgement.Reason}}
    wanted |= {f"ground.{ground}" for ground in erasure.Ground}
    wanted |= {f"secrecy.{secrecy.code}" for secrecy in Secrecy}
    wanted |= {f"now.{result}" for result in acknowledgement.Result}
    wanted |= {f"event.disclosure-acknowledged.{result}" for result in acknowledgement.Result}
    wanted |= {f"event.erasure-confirmed.{result}" for result in erasure.Result}

    assert {key for key in wanted if not words.knows(key)} == set()


def test_every_text_is_used_and_every_used_text_exists() -> None:
    used = set[str]()
    for name in TEMPLATES.list_templates():
        source = TEMPLATES.loader.get_source(TEMPLATES, name)[0] if TEMPLATES.loader else ""
        used |= set(re.findall(r'say\(["\']([a-z_.]+)["\']', source))
    by_code = ("event.", "reason.", "ground.", "now.", "state.", "secrecy.", "erasure.", "uses.")
    in_python = (*by_code, "account.", "fact.", "format.", "month.", "who.", "trouble.", "proofs.")
    texts = ALL["de"].texts.keys()

    assert used <= texts
    assert {key for key in texts - used if not key.startswith(in_python)} == {"page.language"}


def test_easy_language_is_short_active_and_without_long_words() -> None:
    """DIN SPEC 33429 asks for more; what a script can check is checked here."""
    for key, text in ALL["de-simple"].texts.items():
        for sentence in re.split(r"[.?!:]\s+|, ", text):
            words = re.findall(r"[\w{}-]+", sentence)
            assert len(words) <= MOST_WORDS, (key, sentence)
            assert {"wird", "werden", "wurde", "würde"}.isdisjoint(words), (key, sentence)
            parts = re.split(r"[-{}]", " ".join(words))
            assert all(len(part) <= LONGEST_WORD for part in " ".join(parts).split()), (key, text)


def test_a_value_in_a_text_stays_text() -> None:
    words = Words("de", {"here": "Von {who} an {whom}."})

    assert words("here", who="{whom}", whom="<b>") == "Von {whom} an <b>."


def test_a_missing_text_or_value_is_a_mistake_and_no_other_language() -> None:
    words = Words("de", {"here": "Von {who}."})

    with pytest.raises(KeyError):
        words("there")
    with pytest.raises(KeyError):
        words("here")


def test_moments_are_german_wall_clock_time_in_each_language() -> None:
    summer = datetime(2026, 6, 30, 22, 5, tzinfo=UTC)

    assert ALL["de"].moment(summer) == "01.07.2026, 00:05 Uhr"
    assert ALL["en"].moment(summer) == "1 July 2026, 00:05"
    assert ALL["de-simple"].moment(summer) == "01.07.2026, 00:05 Uhr"


@pytest.mark.parametrize(
    ("accepted", "lang"),
    [
        ("", "de"),
        ("fr-FR,fr;q=0.9", "de"),
        ("en-GB,en;q=0.9,de;q=0.1", "en"),
        ("fr, EN", "en"),
        ("de-AT", "de"),
        ("de-simple", "de"),
        ("english", "de"),
    ],
)
def test_the_browser_chooses_a_language_until_the_person_does(accepted: str, lang: str) -> None:
    assert preferred(accepted) == lang
