"""Names of files to send: what the export calls them, as far as every office can take it."""

import itertools
import re
import unicodedata
from collections.abc import Set
from pathlib import PurePath

_REFUSED = frozenset('/\\<>:"|?*')
_LONGEST = 200
"""Bytes of UTF-8."""
_DEVICE = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9]) *(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, whatever the ending."""


def free_name(wanted: str, ending: str, taken: Set[str]) -> str:
    """Return a name near `wanted` that ends in `ending` and is not in `taken`.

    Args:
        wanted: what the export says; anything.
        ending: the ending that fits the content, in lower case, with its dot.
        taken: case-folded names that are no longer free.
    """
    name = unicodedata.normalize("NFC", wanted)
    if PurePath(name).suffix.lower() == ending:
        name = name[: -len(ending)]
    name = "".join("_" if _is_refused(character) else character for character in name)
    stem = _shortened(name).strip(" .") or "Dokument"
    if _DEVICE.fullmatch(stem):
        stem = f"_{stem}"
    candidates = (
        f"{stem}{ending}" if number == 1 else f"{stem} ({number}){ending}"
        for number in itertools.count(1)
    )
    return next(name for name in candidates if name.casefold() not in taken)


def _is_refused(character: str) -> bool:
    """Tell whether it is part of a path, or invisible, or changes the direction of writing."""
    category = unicodedata.category(character)
    return character in _REFUSED or category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _shortened(name: str) -> str:
    return name.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore")
