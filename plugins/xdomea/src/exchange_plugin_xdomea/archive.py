"""Writes the archive of a message, and reads archives that a stranger has made.

A received archive is judged by its listing, before a byte of a member is unpacked: a flat list of
plain files that lie one behind the other from the first byte to the last.
"""

import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from exchange.errors import Malformed
from exchange.hookspecs import DocumentFile

MOST_MEMBERS, LARGEST_RATIO = 1000, 100
"""Files in a received archive; bytes unpacked for one byte packed."""
_END, _LOCAL = b"PK\x05\x06", b"PK\x03\x04"
_END_SIZE, _LOCAL_SIZE = 22, 30
_STREAMED, _DESCRIPTOR = 0x08, 24
"""Flag of a member that is followed by a descriptor, and the most bytes of one."""
_ENCRYPTED = 0x01 | 0x40 | 0x2000
"""Flags: encrypted, strongly encrypted, encrypted listing."""


def pack(
    place: Path,
    first: tuple[str, bytes],
    files: Iterable[tuple[str, DocumentFile]],
    *,
    at: datetime,
) -> None:
    """Write an archive: the message, then the files, unpacked as they are.

    Args:
        place: where; must not exist.
        first: name and content of the message.
        files: name in the archive and file.
        at: date of every member.

    Raises:
        Malformed: a file has another size than its contents list says.
    """
    with zipfile.ZipFile(place, "x", allowZip64=False) as archive:
        archive.writestr(_member(first[0], at), first[1], zipfile.ZIP_DEFLATED)
        for name, file in files:
            info = _member(name, at)
            with file.path.open("rb") as source, archive.open(info, "w") as member:
                shutil.copyfileobj(source, member, 1 << 20)
            if info.file_size != file.size:
                raise Malformed("a file has another size than its contents list says")


def _member(name: str, at: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, at.astimezone(UTC).timetuple()[:6])
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    return info


def members(archive: zipfile.ZipFile, place: Path, *, most: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members of a received archive by name, all of them harmless to unpack.

    Args:
        archive: opened on `place`.
        place: where it lies.
        most: bytes of all members together.

    Raises:
        Malformed: a name is a path or comes twice, a member is encrypted, no plain file, packed
            in an unusual way or too tightly, there are too many of them or too much in them, or
            the archive is not made of its members and its listing alone.
    """
    listed = archive.infolist()
    if not 0 < len(listed) <= MOST_MEMBERS:
        raise Malformed("the archive holds no file, or more than 1,000")
    if sum(info.file_size for info in listed) > most:
        raise Malformed("the archive holds more bytes than this format reads")
    for info in listed:
        _check(info)
    if len({info.filename.casefold() for info in listed}) != len(listed):
        raise Malformed("the archive holds two files of one name")
    _check_layout(listed, place)
    return {info.filename: info for info in listed}


def _check(info: zipfile.ZipInfo) -> None:
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    if name != info.filename or name in {"", ".", ".."} or set("/\\\0:") & set(name):
        raise Malformed("the archive holds a folder or a path")
    if kind not in {0, stat.S_IFREG}:
        raise Malformed("the archive holds something else than plain files")
    if info.flag_bits & _ENCRYPTED:
        raise Malformed("the archive is encrypted")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise Malformed("the archive is packed in a way that this format does not read")
    if info.file_size > LARGEST_RATIO * max(info.compress_size, 1):
        raise Malformed("the archive is packed more tightly than 100 to 1")


def _check_layout(listed: Iterable[zipfile.ZipInfo], place: Path) -> None:
    """Check that members follow each other from byte 0 on, then the listing, then nothing."""
    with place.open("rb") as content:
        position, slack, listing = 0, 0, _start_of_listing(content)
        for info in sorted(listed, key=lambda info: info.header_offset):
            _check_gap(info.header_offset - position, slack)
            position = _end_of(content, info)
            slack = _DESCRIPTOR if info.flag_bits & _STREAMED else 0
    _check_gap(listing - position, slack)


def _start_of_listing(content: BinaryIO) -> int:
    """Return where the listing starts, by the last bytes of the archive."""
    size = content.seek(0, os.SEEK_END)
    content.seek(size - _END_SIZE)
    sign, length, start, comment = struct.unpack("<4s8xIIH", content.read(_END_SIZE))
    if sign != _END or comment or start + length != size - _END_SIZE:
        raise Malformed("the archive has something before its files or behind its listing")
    return int(start)


def _check_gap(gap: int, most: int) -> None:
    if not 0 <= gap <= most:
        raise Malformed("files of the archive overlap, or something lies between them")


def _end_of(content: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return where the packed bytes of a member end, by its own header."""
    content.seek(info.header_offset)
    header = content.read(_LOCAL_SIZE)
    if len(header) != _LOCAL_SIZE or header[:4] != _LOCAL:
        raise Malformed("a file of the archive is not where its listing says")
    name, extra = struct.unpack("<HH", header[26:])
    return info.header_offset + _LOCAL_SIZE + int(name) + int(extra) + info.compress_size
