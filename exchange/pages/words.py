"""What pages say, as content and never as markup: one TOML file per language.

All files of one set have the same keys and the same placeholders, which a test holds. No language
falls back to another: a missing text is a mistake of ours.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources.abc import Traversable
from typing import Any, Final
from zoneinfo import ZoneInfo

from exchange.days import ZONE

USUAL: Final = ("de", "en")
"""Languages a browser can ask for; the first one where it asks for none of them."""
PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
"""A place in a text that a value fills."""


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language."""

    lang: str
    """Language tag, as it stands in the page: `simple` is a registered variant."""
    texts: Mapping[str, str]
    """By dotted key, such as `start.title`."""

    def __call__(self, key: str, **values: object) -> str:
        """Return the text `key` with `values` in its places; markup in them stays text.

        Raises:
            KeyError: no such text, or no value for one of its places.
        """
        return PLACEHOLDER.sub(lambda place: str(values[place[1]]), self.texts[key])

    def knows(self, key: str) -> bool:
        """Tell whether there is a text `key`."""
        return key in self.texts

    def moment(self, moment: datetime) -> str:
        """Return German day and time of an aware moment, to the minute."""
        local = moment.astimezone(ZoneInfo(ZONE))
        return self("format.moment", day=self.day(local.date()), time=f"{local:%H:%M}")

    def day(self, day: date) -> str:
        """Return a day as this language writes it."""
        if self.lang == "en":
            return f"{day.day} {self.texts[f'month.m{day.month}']} {day.year}"
        return f"{day:%d.%m.%Y}"


def read_words(folder: Traversable, lang: str) -> Words:
    """Return the texts of one language, read from its file in `folder`.

    They say at least `format.moment`, and in English the names of the months.
    """
    source = folder.joinpath(f"{lang}.toml").read_text("utf-8")
    return Words(lang, dict(_flat(tomllib.loads(source))))


def preferred(accepted: str) -> str:
    """Return the language for a page nobody has chosen one for, from `Accept-Language`.

    Easy language is chosen by the person alone: no browser asks for it.
    """
    for part in accepted.lower().split(","):
        tag = part.partition(";")[0].strip()
        for lang in USUAL:
            if tag == lang or tag.startswith(f"{lang}-"):
                return lang
    return USUAL[0]


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    found = list[tuple[str, str]]()
    for name, value in table.items():
        if isinstance(value, str):
            found.append((f"{before}{name}", value))
        else:
            found += _flat(value, f"{before}{name}.")
    return found
