"""Which kinds of files go into a bundle and come out of one.

A media type is a claim: the first bytes must say the same, and the ending where there is a name.
"""

from dataclasses import dataclass
from pathlib import Path, PurePath

from exchange.errors import Malformed

_HEAD = 4096
"""Bytes looked at."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file."""

    media_type: str
    endings: tuple[str, ...]
    """The usual one first."""
    starts: tuple[bytes, ...] = ()
    """One of these stands at the beginning; none for plain text, which then holds no zero byte."""


def kinds() -> dict[str, Kind]:
    """Return every accepted kind by its media type (IANA media types registry)."""
    office = "application/vnd.openxmlformats-officedocument."
    open_document = "application/vnd.oasis.opendocument."
    package = (b"PK\x03\x04",)
    known = (
        Kind("application/pdf", (".pdf",), (b"%PDF-",)),
        Kind("image/png", (".png",), (b"\x89PNG\r\n\x1a\n",)),
        Kind("image/jpeg", (".jpg", ".jpeg"), (b"\xff\xd8\xff",)),
        Kind("image/tiff", (".tif", ".tiff"), (b"II*\x00", b"MM\x00*")),
        Kind("text/plain", (".txt",)),
        Kind("text/csv", (".csv",)),
        Kind("message/rfc822", (".eml",)),
        Kind("application/json", (".json",)),
        Kind("application/rtf", (".rtf",), (rb"{\rtf",)),
        Kind(f"{office}wordprocessingml.document", (".docx",), package),
        Kind(f"{office}spreadsheetml.sheet", (".xlsx",), package),
        Kind(f"{open_document}text", (".odt",), package),
        Kind(f"{open_document}spreadsheet", (".ods",), package),
    )
    return {kind.media_type: kind for kind in known}


def kind_of(media_type: str, name: str, path: Path) -> Kind:
    """Return the kind of the file at `path`, by its media type, its name and its first bytes.

    Args:
        media_type: what is claimed, without parameters.
        name: empty where nothing is claimed.
        path: the content.

    Raises:
        Malformed: the kind is not accepted, or name or content do not fit it; names no file.
    """
    kind = kinds().get(media_type)
    if kind is None:
        raise Malformed("a file has a media type that this format does not take")
    if name and PurePath(name).suffix.lower() not in kind.endings:
        raise Malformed("the ending of a file's name does not fit its media type")
    with path.open("rb") as content:
        head = content.read(_HEAD)
    if kind.starts and not head.startswith(kind.starts):
        raise Malformed("the content of a file does not fit its media type")
    if not kind.starts and b"\x00" in head:
        raise Malformed("a text file holds something else than text")
    return kind
