"""Which kinds of files go into a message and come out of one.

A media type and an ending are claims: the first bytes must say the same. The codes are those of
the code list `dateiformat` 1.0; what has none there is `100`, something else, with its own name.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from exchange.errors import Malformed

if TYPE_CHECKING:
    from pathlib import Path  # a worker is ready before it has one

OTHER = "100"
"""Code of a file format that the code list does not know."""
_HEAD = 4096
"""Bytes looked at."""


class Kind(NamedTuple):
    """A kind of file."""

    media_type: str
    codes: Mapping[str, str]
    """Code of the file format by ending, the usual ending first."""
    starts: tuple[bytes, ...] = ()
    """One of these stands at the beginning; none for plain text, which then holds no zero byte."""


def kinds() -> tuple[Kind, ...]:
    """Return every accepted kind (media types as IANA registers them)."""
    office = "application/vnd.openxmlformats-officedocument."
    open_document = "application/vnd.oasis.opendocument."
    package = (b"PK\x03\x04",)
    return (
        Kind("application/pdf", {".pdf": "018"}, (b"%PDF-",)),
        Kind("image/png", {".png": "019"}, (b"\x89PNG\r\n\x1a\n",)),
        Kind("image/jpeg", {".jpg": "011", ".jpeg": "010"}, (b"\xff\xd8\xff",)),
        Kind("image/tiff", {".tif": "023", ".tiff": "024"}, (b"II*\x00", b"MM\x00*")),
        Kind("text/plain", {".txt": "045"}),
        Kind("text/csv", {".csv": "002"}),
        Kind("message/rfc822", {".eml": "006"}),
        Kind("application/json", {".json": OTHER}),
        Kind("application/rtf", {".rtf": "022"}, (rb"{\rtf",)),
        Kind(f"{office}wordprocessingml.document", {".docx": "035"}, package),
        Kind(f"{office}spreadsheetml.sheet", {".xlsx": "036"}, package),
        Kind(f"{open_document}text", {".odt": "015"}, package),
        Kind(f"{open_document}spreadsheet", {".ods": "014"}, package),
    )


def ending_of(name: str) -> str:
    """Return the ending of `name` in lower case, with its dot; empty when there is none."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name, not a path


def kind_of(name: str, path: "Path") -> Kind:
    """Return the kind of the file at `path`, by the ending of `name` and its first bytes.

    Raises:
        Malformed: the kind is not accepted, or the content does not fit it; names no file.
    """
    ending = ending_of(name)
    kind = next((kind for kind in kinds() if ending in kind.codes), None)
    if kind is None:
        raise Malformed("a file is of a kind that this format does not take")
    with path.open("rb") as content:
        head = content.read(_HEAD)
    if kind.starts and not head.startswith(kind.starts):
        raise Malformed("the content of a file does not fit the ending of its name")
    if not kind.starts and b"\x00" in head:
        raise Malformed("a text file holds something else than text")
    return kind
