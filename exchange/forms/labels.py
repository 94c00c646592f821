"""The words on a paper outside its text, by language."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

OFFICE: Final = "de"
"""Language of the boxes around a text in a language we have no labels for: the office's own."""


def labels() -> Mapping[str, Mapping[str, str]]:
    """Return the labels by language; every language has the same names."""
    text = files("exchange.forms").joinpath("labels.toml").read_text("utf-8")
    return tomllib.loads(text)


def spoken(lang: str) -> str:
    """Return the language of the labels around a text in the language `lang`."""
    return lang if lang in labels() else OFFICE
