"""What somebody has typed, chosen and ticked: text, and nothing of it trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from exchange.serving.bodies import urlencoded

MOST_FIELDS: Final = 200
LONGEST_NUMBER: Final = 6
"""Digits of a number that somebody types."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What was typed, chosen or ticked. Its representation shows nothing of it."""

    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def one(self, name: str) -> str:
        """Return the first value of a field without blanks around it; empty if there is none."""
        values = self.given.get(name, ())
        return values[0].strip() if values else ""

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field."""
        return self.given.get(name, ())

    def number(self, name: str) -> int | None:
        """Return a number of at most six digits; None where a field holds none."""
        text = self.one(name)
        if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
            return None
        return int(text)

    def ticked(self, name: str) -> bool:
        """Tell whether a box was ticked."""
        return self.one(name) == "yes"

    def first(self) -> dict[str, str]:
        """Return the first value of each field, without the choice of a language."""
        return {name: values[0] for name, values in self.given.items() if name != "lang" and values}


def parsed(text: bytes) -> Fields:
    """Return the fields of an urlencoded form or query.

    Raises:
        Malformed: it cannot be parsed.
    """
    found: dict[str, tuple[str, ...]] = {}
    if not text:
        return Fields(found)
    for name, value in urlencoded(text, most=MOST_FIELDS):
        found[name] = (*found.get(name, ()), value.replace("\r\n", "\n"))
    return Fields(found)
