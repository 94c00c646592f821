"""Which kinds of files reach a mailbox: those a person opens without running anything.

The sender's media type is a claim: name and first bytes must say the same.
"""

import os
from collections.abc import Mapping
from typing import Final

from exchange.errors import Malformed
from exchange.hookspecs import DocumentFile

_HEAD: Final = 4096
"""Bytes looked at."""
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OPEN: Final = "application/vnd.oasis.opendocument."
_PACKED: Final = (b"PK\x03\x04",)

KINDS: Final[Mapping[str, tuple[tuple[str, ...], tuple[bytes, ...]]]] = {
    "application/pdf": ((".pdf",), (b"%PDF-",)),
    "image/png": ((".png",), (b"\x89PNG\r\n\x1a\n",)),
    "image/jpeg": ((".jpg", ".jpeg"), (b"\xff\xd8\xff",)),
    "image/tiff": ((".tif", ".tiff"), (b"II*\x00", b"MM\x00*")),
    "text/plain": ((".txt",), ()),
    "text/csv": ((".csv",), ()),
    "application/json": ((".json",), ()),
    "message/rfc822": ((".eml",), ()),
    "application/rtf": ((".rtf",), (rb"{\rtf",)),
    f"{_OFFICE}wordprocessingml.document": ((".docx",), _PACKED),
    f"{_OFFICE}spreadsheetml.sheet": ((".xlsx",), _PACKED),
    f"{_OPEN}text": ((".odt",), _PACKED),
    f"{_OPEN}spreadsheet": ((".ods",), _PACKED),
}
"""Endings and first bytes by media type (IANA media types registry); a kind without first bytes is
text, which holds no zero byte."""


def check(file: DocumentFile) -> None:
    """Check that media type, ending and first bytes of `file` say the same.

    Raises:
        Malformed: they do not, or the kind is not accepted; the text names no file.
    """
    if file.media_type not in KINDS:
        raise Malformed("a file has a media type that this office does not take")
    endings, starts = KINDS[file.media_type]
    if _ending(file.name) not in endings:
        raise Malformed("the ending of a file's name does not fit its media type")
    with file.path.open("rb") as content:
        head = content.read(_HEAD)
    if not (head.startswith(starts) if starts else b"\x00" not in head):
        raise Malformed("the content of a file does not fit its media type")


def guessed(name: str) -> str:
    """Return the media type for the ending of a name that another intake format has given."""
    ending = _ending(name)
    known = (media_type for media_type, (endings, _) in KINDS.items() if ending in endings)
    return next(known, "application/octet-stream")


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name, not a path
