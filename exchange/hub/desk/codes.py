"""Codes in words: those of the shipped vocabulary, and those that agreements have made."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Protocol

from exchange.vocabulary import Vocabulary, shipped


class _Labelled(Protocol):
    @property
    def labels(self) -> Mapping[str, str]: ...


class Codes:
    """What purposes and categories are called in one language."""

    def __init__(self, lang: str, own: Iterable[Vocabulary] = ()) -> None:
        """Take what codes are to be called by.

        Args:
            lang: a language of the vocabulary, German or English.
            own: of agreements; what is in none of them stays a code.
        """
        self._lang = lang
        known = _vocabulary()
        purposes, categories = dict(known.purposes), dict(known.categories)
        for vocabulary in own:
            # An own code carries its owner's id: none replaces a shipped one.
            purposes = {**vocabulary.purposes, **purposes}
            categories = {**vocabulary.categories, **categories}
        self._known = Vocabulary(purposes=purposes, categories=categories)

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
