"""The lines of `openings.jsonl`: which entries somebody may open, and with what.

As confidential as the records they speak of.
"""

from dataclasses import dataclass, field
from typing import Final

from exchange.audit.opening import Opening, read_opening, write_opening
from exchange.audit.spelling import read_base64, write_base64
from exchange.canonical import Json, encode, loads
from exchange.errors import Malformed
from exchange.members import Members

NAME: Final = "openings.jsonl"
LARGEST_LINE: Final = 256 * 1024
"""Bytes of one line: an opening of the largest size in base64, and a detail."""
LARGEST_INDEX: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry and what opens it."""

    index: int
    opening: Opening = field(repr=False)
    detail: bytes | None = field(default=None, repr=False)
    """Salt (32 bytes) and canonical JSON behind the member `detail`, for who may know."""


def write_opened(opened: Opened) -> bytes:
    """Return one line, without its line feed."""
    members: dict[str, Json] = {
        "index": opened.index,
        "opening": write_base64(write_opening(opened.opening)),
    }
    if opened.detail is not None:
        members["detail"] = write_base64(opened.detail)
    return encode(members)


def read_opened(line: bytes) -> Opened:
    """Return the entry of one line.

    Raises:
        Malformed: another form.
        TooLarge: more than `LARGEST_LINE` bytes.
    """
    members = Members(loads(line, limit=LARGEST_LINE), NAME)
    found = Opened(
        members.integer("index", 0, LARGEST_INDEX),
        read_opening(members.take("opening", _base64)),
        members.take("detail", _base64) if members.has("detail") else None,
    )
    members.end()
    return found


def _base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise Malformed("not base64")
    return read_base64(value)
