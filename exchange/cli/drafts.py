"""Draft files: TOML that a person fills in; its text is never quoted in an error."""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

from exchange.errors import Malformed, TooLarge

LARGEST_DRAFT = 256 * 1024
"""Bytes of a draft; an agreement with all its texts has less."""


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
        return tomllib.loads(data.decode("utf-8"))
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


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex, or raise Malformed when it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise Malformed("the file it names cannot be read") from None
