"""What notices say: the same for every occasion of a kind, and nothing that names anything."""

import re

import pytest

from exchange.hookspecs import NoticeKind
from exchange.hub.notice_words import LANGUAGES, words

EVERY = [(kind, language) for kind in NoticeKind for language in LANGUAGES]


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_a_notice_names_the_hub_and_nothing_else(kind: NoticeKind, language: str) -> None:
    said = words(kind, language, hub_name="X")

    assert said.text.endswith(" X\n")
    assert said == words(kind, language, hub_name="X")
    assert not {"{", "}", "%"} & {*said.subject, *said.text}  # nothing is filled in
    assert not re.search(r"https?:|www\.|@|\d", said.subject + said.text)
    assert said.subject.isprintable()


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_a_hub_without_a_name_leaves_no_gap(kind: NoticeKind, language: str) -> None:
    said = words(kind, language, hub_name="")

    assert said.text == said.text.rstrip() + "\n"


def test_every_kind_has_words_of_its_own_in_every_language() -> None:
    said = {words(kind, language, hub_name="") for kind, language in EVERY}

    assert len(said) == len(EVERY)
