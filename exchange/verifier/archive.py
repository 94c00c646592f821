"""A tar of plain files, written and read: nothing in it can name a place outside of it.

POSIX ustar, regular files with short ASCII names, what `tar` writes with `--format=ustar`. Read by
position: one pass over the headers makes a table of names, contents stay where they are.
"""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final, TypeAlias

from exchange.envelope.tarblocks import END_SIZE, fill, member
from exchange.errors import Malformed, NotFound
from exchange.verifier.files import PIECE

Member: TypeAlias = tuple[str, bytes]
"""A file of an archive: its name, and all of it."""
BLOCK: Final = 512
"""Bytes of a block: a header is one, contents are padded to whole ones."""
MOST_FILES: Final = 4_000_000
"""Files in one archive: tiles and entries of half a billion events."""
END: Final = bytes(END_SIZE)
"""What ends a tar."""

_NAME = re.compile(
    r"(\./)?[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?", re.ASCII
)
_OCTAL = re.compile(rb" *[0-7]+[ \0]*")
_FILE, _FOLDER = (b"0", b"\0"), b"5"
_EXTENDED = (b"x", b"g", b"L", b"K")
"""Kinds of members by which pax and GNU tar write what ustar cannot."""
_NO_TAR = "not a tar, or a damaged or compressed one; unpack it and give the folder"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the content of one file lies in the archive."""

    start: int
    size: int


class ArchiveFiles:
    """Files in a tar of this machine. Make it with `read_archive`."""

    def __init__(self, path: Path, places: Mapping[str, Place]) -> None:
        """Take the archive and its table of names."""
        self._path = path
        self._places = places

    @property
    def told(self) -> str:
        """The archive."""
        return str(self._path)

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        """Yield the content of one file."""
        place = self._places.get(path)
        if place is None:
            raise NotFound(f"{path} is missing")
        with self._path.open("rb") as opened:
            opened.seek(place.start)
            rest = place.size
            while chunk := opened.read(min(PIECE, rest)):
                yield chunk
                rest -= len(chunk)
        if rest:
            raise Malformed("the archive ends within a file")

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files right in a folder."""
        prefix = f"{folder}/" if folder else ""
        inside = (name.removeprefix(prefix) for name in self._places if name.startswith(prefix))
        return tuple(sorted(name for name in inside if "/" not in name))


def read_archive(path: Path) -> ArchiveFiles:
    """Return the files of a tar, looking at its headers only.

    Raises:
        Malformed: not a tar of plain files, or a name twice.
        OSError: it cannot be read.
    """
    places = dict[str, Place]()
    with path.open("rb") as opened:
        size = opened.seek(0, 2)
        at = 0
        while (block := _block(opened, at)) is not None:
            name, kind, length = _read_header(block)
            at += BLOCK
            if kind in _FILE:
                if name in places or len(places) == MOST_FILES:
                    raise Malformed("the archive has a name twice, or too many files")
                places[name] = Place(at, length)
            at += length + len(fill(length))
            if at > size:
                raise Malformed("the archive ends within a file")
    return ArchiveFiles(path, MappingProxyType(places))


def _block(opened: BinaryIO, at: int) -> bytes | None:
    """Return the header at a position; None at the zero blocks that end a tar."""
    opened.seek(at)
    block = opened.read(BLOCK)
    if len(block) != BLOCK:
        raise Malformed("the archive has no end" if at else _NO_TAR)
    return block if any(block) else None


def _read_header(block: bytes) -> tuple[str, bytes, int]:
    """Return name, kind and size of a member, from a header whose sum is right."""
    kind, size, said = block[156:157], block[124:136], block[148:156]
    if sum(block[:148]) + 8 * ord(" ") + sum(block[156:]) != _octal(said):
        raise Malformed(_NO_TAR)
    if kind in _EXTENDED:
        raise Malformed("a tar of another form than ustar; unpack it and give the folder")
    name = b"/".join(
        part for part in (block[345:500].rstrip(b"\0"), block[:100].rstrip(b"\0")) if part
    )
    text = name.decode("ascii", "replace")
    if _NAME.fullmatch(text) is None and text not in {".", "./"}:
        raise Malformed("the archive has a name that no export has")
    length = _octal(size)
    if kind not in (*_FILE, _FOLDER) or (kind == _FOLDER and length):
        raise Malformed("the archive holds something else than plain files")
    return text.removeprefix("./"), kind, length


def _octal(field: bytes) -> int:
    if _OCTAL.fullmatch(field) is None:
        raise Malformed(_NO_TAR)
    return int(field.rstrip(b" \0"), 8)


def packed(name: str, content: bytes) -> bytes:
    """Return one file as it stands in a tar: every byte is determined by name and content."""
    return member(name, content, 0)
