"""What people read about a document in quarantine: why it lies there, and what to do, twice.

German first, because the office reads it; English for whoever helps it. The sentences are those of
the gateway's pages, one for each code. The paper beside the document ends with the plugin's own
words, which nothing else repeats but the page about that document.
"""

from collections.abc import Mapping
from importlib.resources import files
from itertools import chain
from types import MappingProxyType
from typing import Final

from exchange.agency.plugin_words import readable
from exchange.pages.words import USUAL, Words, read_words

PAPER: Final = "reason.txt"
"""Name of the paper in the folder of a document in quarantine."""
_STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "malformed": "look",
        "profile": "ask",
        "media-type": "ask",
        "size": "ask",
        "name": "ask",
        "onward": "never",
        "purpose-binding": "never",
    }
)
"""What to do next, by code; `administrator` for whatever else happens."""
_SAYS: Final = "-- Worte des Programms / words of the program --"
"""Line before the plugin's words, which come last and are one line."""


def why(say: Words, reason: str) -> tuple[str, ...]:
    """Return why a document was set aside, one sentence for each code in `reason`."""
    return tuple(
        say(f"aside.{code}") if say.knows(f"aside.{code}") else say("word.unknown", code=code)
        for code in _codes(reason)
    )


def then(say: Words, reason: str) -> tuple[str, ...]:
    """Return what to do about it, each piece of advice once."""
    steps = dict.fromkeys(_STEPS.get(code, "administrator") for code in _codes(reason))
    if "never" in steps:  # no other advice may lead to a use of it
        steps = {"never": None}
    return tuple(say(f"aside_next.{step}") for step in steps)


def explained(reason: str) -> dict[str, str]:
    """Return why a document was set aside and what to do, by language: `de` and `en`."""
    return {
        lang: " ".join(chain(why(say, reason), then(say, reason)))
        for lang, say in ((lang, _words(lang)) for lang in USUAL)
    }


def write(reason: str, words: str = "") -> bytes:
    """Return the paper beside a document: its code, the sentences, and the plugin's words.

    Args:
        reason: codes of ours, with `, ` between them.
        words: of the plugin, as hostile as the document; empty where it said nothing.
    """
    lines = [reason, ""]
    for text in explained(reason).values():
        lines += [text, ""]
    if said := readable(words):
        lines += [*(_words(lang)("aside.hint") for lang in USUAL), "", _SAYS, said, ""]
    return "\r\n".join(lines).encode("utf-8")  # also the oldest editor shows these as lines


def read(paper: bytes) -> tuple[str, str]:
    """Return reason and plugin's words of a paper; of an older one, which is a code, that code."""
    reason, _, rest = paper.decode("utf-8", "replace").partition("\n")
    return reason.strip(), readable(rest.partition(_SAYS)[2])


def _codes(reason: str) -> list[str]:
    return reason.split(", ")


def _words(lang: str) -> Words:
    return read_words(files("exchange.agency").joinpath("pages/texts"), lang)
