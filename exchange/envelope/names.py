"""Names of files in a package: what a sender makes of a name, what a recipient admits.

Flat names only, which mean the same on every system and hide nothing from a reader.
"""

import re
import unicodedata
from collections.abc import Iterable

LARGEST_NAME = 255
"""Bytes of UTF-8 in a name, as file systems count them."""

_FORBIDDEN = re.compile(
    '[/\\\\<>:"|?*\x00-\x1f\x7f-\x9f'  # separators and reserved characters, C0, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks
    "\u200b-\u200d\u2060\ufeff\u2028\u2029"  # invisible characters, line separators
    "\ud800-\udfff]"  # lone surrogates, which have no UTF-8
)
_DEVICE = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9]) *(\..*)?", re.IGNORECASE | re.DOTALL)
_LARGEST_EXTENSION = 16


def normalise_name(name: str) -> str:
    """Return the name a sender gives a file: `name` itself if a recipient would admit it.

    Forbidden characters become `_`, the ends are trimmed, and what is too long is shortened with
    its extension kept. Normalising the result again changes nothing.
    """
    plain = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name))
    trimmed = _trim(plain) or "_"
    if _DEVICE.fullmatch(trimmed):
        trimmed = f"_{trimmed}"
    return _shorten(trimmed, LARGEST_NAME)


def is_admitted(name: str) -> bool:
    """Tell whether a recipient admits `name`: its only spelling is this one."""
    return normalise_name(name) == name


def fold(name: str) -> str:
    """Return what two names have in common if some file system takes them for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def distinct(names: Iterable[str]) -> list[str]:
    """Return the normalised `names` in their order, a clash numbered like `letter (2).pdf`."""
    found: list[str] = []
    taken: set[str] = set()
    for name in map(normalise_name, names):
        chosen, number = name, 1
        while fold(chosen) in taken:
            number += 1
            chosen = _numbered(name, number)
        taken.add(fold(chosen))
        found.append(chosen)
    return found


def _trim(name: str) -> str:
    return name.strip(" ").rstrip(" .")


def _numbered(name: str, number: int) -> str:
    mark = f" ({number})"
    stem, extension = _split(_shorten(name, LARGEST_NAME - len(mark)))
    return f"{stem}{mark}{extension}"


def _shorten(name: str, size: int) -> str:
    if len(name.encode("utf-8")) <= size:
        return name
    stem, extension = _split(name)
    room = size - len(extension.encode("utf-8"))
    cut = stem.encode("utf-8")[:room].decode("utf-8", "ignore")
    return f"{cut}{extension}" if extension else _trim(cut)


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    if not stem or len(f"{dot}{extension}".encode()) > _LARGEST_EXTENSION:
        return name, ""
    return stem, f"{dot}{extension}"
