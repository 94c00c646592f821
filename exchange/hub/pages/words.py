"""What the person's page says, in every language it is written in."""

from importlib.resources import files
from typing import Final

from exchange.pages import words
from exchange.pages.words import Words

LANGUAGES: Final = ("de", "en", "de-simple")
"""In the order of the switch."""


def read_words(lang: str) -> Words:
    """Return the texts of one of `LANGUAGES`, read from the file of the package."""
    return words.read_words(files("exchange.hub.pages").joinpath("texts"), lang)
