"""Searches the hub's files for what must never be in them."""

import base64
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PIECE = 1024 * 1024
"""Bytes read at once."""


def spellings(word: str) -> frozenset[bytes]:
    """Return how `word` may stand in a file: text, UTF-16, hex, base64 at every alignment."""
    plain = word.encode("utf-8")
    found = {plain, word.encode("utf-16-le"), plain.hex().encode("ascii")}
    found.add(plain.hex().upper().encode("ascii"))
    for shift in range(3):
        # Only the characters that depend on the word alone, whatever stands around it.
        coded = base64.b64encode(b"\0" * shift + plain)
        inner = coded[(shift * 8 + 5) // 6 : (shift + len(plain)) * 8 // 6]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(found)


def occurrences(folder: Path, words: Iterable[str]) -> list[Path]:
    """Return every file under `folder` whose name or content holds one of `words`."""
    wanted = [spelling for word in words for spelling in spellings(word)]
    longest = max(len(spelling) for spelling in wanted)
    return [
        file
        for file in sorted(folder.rglob("*"))
        if _holds(file.name.encode("utf-8"), wanted)
        or (file.is_file() and _file_holds(file, wanted, longest))
    ]


def _file_holds(file: Path, wanted: list[bytes], longest: int) -> bool:
    tail = b""
    # The hub runs meanwhile and sweeps: a payload that is gone holds nothing.
    with suppress(FileNotFoundError), file.open("rb") as opened:
        while piece := opened.read(PIECE):
            if _holds(tail + piece, wanted):
                return True
            tail = piece[-longest:]
    return False


def _holds(content: bytes, wanted: list[bytes]) -> bool:
    return any(spelling in content for spelling in wanted)
