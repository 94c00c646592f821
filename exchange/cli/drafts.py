"""Draft files: TOML that a person fills in; its text is never quoted in an error."""

import hashlib
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, BinaryIO

from exchange.errors import Malformed, TooLarge

LARGEST_DRAFT = 256 * 1024
"""Bytes of a draft; an agreement with all its texts has less."""
LARGEST_EVIDENCE = 64 * 1024 * 1024
"""Bytes of a scan or of minutes: 999 pages in black and white have fewer."""
PIECE = 1024 * 1024
"""Bytes read at a time."""


def read_toml(path: Path) -> dict[str, Any]:
    """Return the table in the file `path`.

    Raises:
        Malformed: not TOML; the line is named, never its text.
        TooLarge: more than 256 KiB.
    """
    with path.open("rb") as file:
        data = file.read(LARGEST_DRAFT + 1)
    if len(data) > LARGEST_DRAFT:
        raise TooLarge(f"{path.name} is too large for a draft")
    try:
        # Office software begins what it writes with a byte order mark.
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Malformed(f"{path.name} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        where = f"line {place[1]}" if place else "its end"
        raise Malformed(f"{path.name} is not TOML: look at {where}") from None


def beside(draft: Path, name: object) -> Path:
    """Return the file `name` that a draft mentions, relative to the draft."""
    if not isinstance(name, str):
        raise Malformed(f"{draft.name}: a file is named by a text")
    return draft.parent / name


def digest_of(path: Path, *, largest: int = LARGEST_EVIDENCE) -> str:
    """Return the SHA-256 of a file in hex; nothing of it is read when it is too large.

    Args:
        path: a regular file; a pipe or a device would never end, or answer twice differently.
        largest: bytes admitted.

    Raises:
        Malformed: it is not there, is not a regular file, or changes while it is read.
        TooLarge: it is larger.
    """
    try:
        # Not blocking: a pipe that nobody writes to would wait here for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Malformed("the file it names is not a regular file")
            if found.st_size > largest:
                raise TooLarge(f"{path.name} has more than {largest // 1024 // 1024} MiB")
            return _digest(file, found.st_size)
    except OSError:
        raise Malformed("the file it names cannot be read") from None


def _digest(file: BinaryIO, size: int) -> str:
    """Return the SHA-256 of `size` bytes, which must be all of them."""
    hashed, left = hashlib.sha256(), size
    while left > 0 and (chunk := file.read(min(left, PIECE))):
        hashed.update(chunk)
        left -= len(chunk)
    if left or file.read(1):
        raise Malformed("the file it names changed while it was read")
    return hashed.hexdigest()
