"""Codes of the shipped vocabulary in words; one that an agreement has made itself stays a code."""

from collections.abc import Mapping
from functools import cache
from typing import Protocol

from exchange.vocabulary import Vocabulary, shipped


class _Labelled(Protocol):
    @property
    def labels(self) -> Mapping[str, str]: ...


class Codes:
    """What purposes and categories are called in one language."""

    def __init__(self, lang: str) -> None:
        """Take a language of the vocabulary, German or English."""
        self._lang = lang
        self._known = _vocabulary()

    def purpose(self, code: str) -> str:
        """Return what a purpose is called."""
        return self._label(self._known.purposes, code)

    def category(self, code: str) -> str:
        """Return what a kind of documents is called."""
        return self._label(self._known.categories, code)

    def purposes(self) -> list[tuple[str, str]]:
        """Return codes and names of all purposes, by name."""
        return self._all(self._known.purposes)

    def categories(self) -> list[tuple[str, str]]:
        """Return codes and names of all kinds of documents, by name."""
        return self._all(self._known.categories)

    def _all(self, known: Mapping[str, _Labelled]) -> list[tuple[str, str]]:
        found = [(code, self._label(known, code)) for code in known]
        return sorted(found, key=lambda one: one[1].casefold())

    def _label(self, known: Mapping[str, _Labelled], code: str) -> str:
        return known[code].labels.get(self._lang, code) if code in known else code


@cache
def _vocabulary() -> Vocabulary:
    """Return the vocabulary, read once: that takes longer than a page."""
    return shipped()
