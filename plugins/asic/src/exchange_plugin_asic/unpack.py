"""Reads a container from outside: refused while listing, before anything is unpacked.

Only the plainest zip is read: one entry after the other from the first byte on, nothing between,
before or behind them, no ZIP64, no encryption, no links, no folders, sizes that are true.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from exchange.errors import Malformed

MOST: Final = 1_000
"""Members of an archive."""
LARGEST: Final = 64 << 20
"""Bytes of all members together, unpacked."""
RATIO: Final = 100
"""Largest ratio of unpacked to packed bytes of one member; small ones may be anything."""

_SMALL: Final = 16 * 1024
_END: Final = struct.Struct("<4s4H2LH")
"""End of central directory record (APPNOTE 4.3.16)."""
_LOCAL: Final = struct.Struct("<4s5H3L2H")
"""Local file header (APPNOTE 4.3.7)."""
_DESCRIPTORS: Final = (0, 12, 16)
"""Bytes that may follow the content of an entry: none, or a data descriptor."""
_DEFLATE_64: Final = 45
"""Version needed for ZIP64."""


def unpack(path: Path) -> Mapping[str, bytes]:
    """Return the content of every member by name, in the order in which they lie in the file.

    Raises:
        Malformed: it is no zip as plain as that, or unpacks to more than it says or may.
    """
    try:
        with path.open("rb") as file:
            start = _directory_start(file)
            with zipfile.ZipFile(file) as packed:
                entries = sorted(packed.infolist(), key=lambda entry: entry.header_offset)
                _check(entries)
                _check_places(file, entries, start)
                return {entry.filename: _read(packed, entry) for entry in entries}
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        ValueError,
        struct.error,
    ):
        raise Malformed("the container is no plain zip") from None


def _directory_start(file: BinaryIO) -> int:
    """Return where the directory begins; it ends with the file, which has no comment."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size))
    mark, disk, first_disk, here, count, length, start, comment = _END.unpack(file.read(_END.size))
    if mark != b"PK\x05\x06" or comment or disk or first_disk or here != count:
        raise Malformed("the container does not end as a zip does")
    if not 0 < count <= MOST or start + length + _END.size != size:
        raise Malformed("the directory of the container is not where it should be")
    return int(start)


def _check(entries: Sequence[zipfile.ZipInfo]) -> None:
    if len({entry.filename.casefold() for entry in entries}) != len(entries):
        raise Malformed("two members of the container have one name")
    if sum(entry.file_size for entry in entries) > LARGEST:
        raise Malformed("the container unpacks to too much")
    for entry in entries:
        kind = entry.external_attr >> 16
        if entry.flag_bits & 0x1 or entry.extract_version >= _DEFLATE_64:
            raise Malformed("a member is encrypted or ZIP64")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Malformed("a member is compressed in a way that is not read")
        if stat.S_IFMT(kind) not in (0, stat.S_IFREG) or not _is_plain(entry):
            raise Malformed("a member has a name that leads elsewhere, or is no file")
        if entry.file_size > max(_SMALL, RATIO * entry.compress_size):
            raise Malformed("a member unpacks to too much")


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    """Tell whether the name, as written, is a relative path of plain segments."""
    name = entry.orig_filename
    return (
        name == entry.filename
        and name.isprintable()
        and not {"\\", ":"} & set(name)
        and all(segment not in ("", ".", "..") for segment in name.split("/"))
    )


def _check_places(file: BinaryIO, entries: Sequence[zipfile.ZipInfo], end: int) -> None:
    """Check that entries lie one behind the other and are headed by what the directory says."""
    starts = [*(entry.header_offset for entry in entries), end]
    if starts[0] != 0:
        raise Malformed("something stands before the container")
    for entry, following in zip(entries, starts[1:], strict=True):
        file.seek(entry.header_offset)
        mark, _version, flags, method, *_rest, name_size, extra_size = _LOCAL.unpack(
            file.read(_LOCAL.size)
        )
        name = file.read(name_size).decode("utf-8")
        if (mark, flags, method) != (b"PK\x03\x04", entry.flag_bits, entry.compress_type):
            raise Malformed("a member is headed by something else than the directory says")
        if name != entry.orig_filename:
            raise Malformed("a member is headed by another name than the directory says")
        left = following - (file.tell() + extra_size + entry.compress_size)
        if left not in _DESCRIPTORS:
            raise Malformed("members overlap, or something lies between them")


def _read(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return the content; the library checks its CRC at the end, we that it ends where it says."""
    with packed.open(entry) as content:
        found = content.read(entry.file_size + 1)
    if len(found) != entry.file_size:
        raise Malformed("a member has another size than the directory says")
    return found
