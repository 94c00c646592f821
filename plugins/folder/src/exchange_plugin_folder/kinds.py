"""Which kinds of files an office can open by double click without running anything.

The sender's media type is a claim: name and first bytes must say the same. Kinds that run,
link or redirect (programs, scripts, web pages, shortcuts, archives) are not among them. A name
that says nothing, because it has no ending, gets the one of its media type.
"""

import os
import re
from typing import NamedTuple

from exchange.errors import Malformed
from exchange.hookspecs import DocumentFile

_HEAD = 4096
"""Bytes looked at."""
_LARGEST_STEM = 224
"""Bytes of UTF-8 before an ending that is added: file systems count 255 with the ending, and with
the number of a name that was taken."""
_ENDING = re.compile(r"\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,16}", re.ASCII)
"""What systems go by; `.2026` or `. März` at the end of a title is none."""


class Kind(NamedTuple):
    """A kind of file."""

    media_type: str
    endings: frozenset[str]
    starts: tuple[bytes, ...] = ()
    """One of these stands at the beginning; none for plain text, which then holds no zero byte."""


def kinds() -> dict[str, Kind]:
    """Return every accepted kind by its media type (IANA media types registry)."""
    office = "application/vnd.openxmlformats-officedocument."
    open_document = "application/vnd.oasis.opendocument."
    package = (b"PK\x03\x04",)
    known = (
        Kind("application/pdf", frozenset({".pdf"}), (b"%PDF-",)),
        Kind("image/png", frozenset({".png"}), (b"\x89PNG\r\n\x1a\n",)),
        Kind("image/jpeg", frozenset({".jpg", ".jpeg"}), (b"\xff\xd8\xff",)),
        Kind("image/tiff", frozenset({".tif", ".tiff"}), (b"II*\x00", b"MM\x00*")),
        Kind("text/plain", frozenset({".txt"})),
        Kind("text/csv", frozenset({".csv"})),
        Kind("message/rfc822", frozenset({".eml"})),
        Kind("application/json", frozenset({".json"})),
        Kind("application/rtf", frozenset({".rtf"}), (rb"{\rtf",)),
        Kind(f"{office}wordprocessingml.document", frozenset({".docx"}), package),
        Kind(f"{office}spreadsheetml.sheet", frozenset({".xlsx"}), package),
        Kind(f"{open_document}text", frozenset({".odt"}), package),
        Kind(f"{open_document}spreadsheet", frozenset({".ods"}), package),
    )
    return {kind.media_type: kind for kind in known}


def check(file: DocumentFile) -> None:
    """Check that media type, ending and first bytes of `file` say the same.

    Raises:
        Malformed: they do not, or the kind is not accepted; the text names no file.
    """
    kind = kinds().get(file.media_type)
    if kind is None:
        raise Malformed("a file has a media type that this office does not take")
    if _ending(file.name) not in {"", *kind.endings}:
        raise Malformed("the ending of a file's name does not fit its media type")
    with file.path.open("rb") as content:
        head = content.read(_HEAD)
    if kind.starts and not head.startswith(kind.starts):
        raise Malformed("the content of a file does not fit its media type")
    if not kind.starts and b"\x00" in head:
        raise Malformed("a text file holds something else than text")


def name_of(file: DocumentFile) -> str:
    """Return a name that opens as what the checked `file` is: its own, with an ending."""
    if _ending(file.name):
        return file.name
    stem = file.name.encode()[:_LARGEST_STEM].decode("utf-8", "ignore")
    return stem + min(kinds()[file.media_type].endings, key=len)


def _ending(name: str) -> str:
    """Return the ending of a name with its dot, in lower case; empty where it has none."""
    found = os.path.splitext(name)[1]  # noqa: PTH122 - a name, not a path
    return found.lower() if _ENDING.fullmatch(found) else ""
