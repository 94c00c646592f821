"""Reading a package: predict every byte instead of parsing a tar.

The signed context gives time and commitment, the contents list names and sizes, so all that lies
between the contents of the files is known before it is read. One differing byte refuses the
package. Links, folders, duplicates, sparse files or overridden sizes cannot even be expressed.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from exchange.canonical import sha256_hex
from exchange.envelope import tarblocks
from exchange.envelope.age.encrypt import Readable, fill, write_all
from exchange.envelope.contents import LARGEST_CONTENTS, Contents, read_contents
from exchange.envelope.manifest import BLOCK_SIZE, Context
from exchange.errors import Malformed, TooLarge, Unreadable

_PIECE_SIZE = 256 * 1024
_SIZE_FIELD = slice(124, 135)  # ustar: 11 octal digits before their NUL


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that came out of a sealed document, verified."""

    name: str
    media_type: str
    """What the sender claims."""
    size: int
    """Bytes."""
    sha256: str
    """Lowercase hex."""
    path: Path
    """Where it lies; mode 0600."""
    third_party: bool
    """Whether it also tells of other persons, inseparably."""


def read_package(
    source: Readable, context: Context, into: Path
) -> tuple[Contents, tuple[OpenedFile, ...]]:
    """Read a package to the end of `source` and write its files into the folder `into`.

    Args:
        source: verified plaintext; it raises by itself where the sealed document is damaged.
        context: the one that the manifest's signatures cover.
        into: a folder of this disclosure's own. After an error it may hold files, which the
            caller removes.

    Raises:
        Unreadable: the package is not exactly the one that context and contents list announce.
    """
    expected = tarblocks.member(tarblocks.CONTEXT_NAME, context.raw, context.iat)
    _expect(source, expected, "the sealed context is not the signed one")
    contents = _contents(source, context)
    layout = tarblocks.layout(context, contents)
    folder = os.open(into, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    piece = memoryview(bytearray(min(_PIECE_SIZE, layout.size)))
    try:
        for entry, (head, size, zeros) in zip(contents.files, layout.files, strict=True):
            _expect(source, head, "the header of a file is not the announced one")
            if _extract(source, folder, entry.name, size, piece) != entry.sha256:
                raise Unreadable("a file is not the announced one")
            _expect(source, zeros, "the bytes after a file are not zero")
    finally:
        os.close(folder)
    _expect_zeros(source, layout.tail, piece)
    files = tuple(
        OpenedFile(e.name, e.media_type, e.size, e.sha256, into / e.name, e.third_party)
        for e in contents.files
    )
    return contents, files


def _contents(source: Readable, context: Context) -> Contents:
    block = _exactly(source, BLOCK_SIZE)
    digits = block[_SIZE_FIELD]
    if not digits.isdigit() or not digits.isascii() or b"8" in digits or b"9" in digits:
        raise Unreadable("the contents list has no size")
    size = int(digits, 8)
    if size > LARGEST_CONTENTS:
        raise Unreadable("the contents list is too large")
    if block != tarblocks.header(tarblocks.CONTENTS_NAME, size, context.iat):
        raise Unreadable("the header of the contents list is not the announced one")
    raw = _exactly(source, size)
    if sha256_hex(raw) != context.contents:
        raise Unreadable("the contents list is not the one the sender is committed to")
    _expect(source, tarblocks.fill(size), "the bytes after the contents list are not zero")
    try:
        return read_contents(raw)
    except (Malformed, TooLarge):
        raise Unreadable("the contents list has a wrong form") from None


def _extract(source: Readable, folder: int, name: str, size: int, piece: memoryview) -> str:
    """Write the next `size` bytes into a new file; return their SHA-256 in lowercase hex."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    digest = hashlib.sha256()
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb", buffering=0) as file:
        while size and (read := fill(source, piece[:size])):
            digest.update(piece[:read])
            write_all(file, piece[:read])
            size -= read
    return digest.hexdigest()


def _exactly(source: Readable, size: int) -> bytes:
    found = bytearray(size)
    return bytes(found[: fill(source, memoryview(found))])


def _expect(source: Readable, expected: bytes, otherwise: str) -> None:
    if _exactly(source, len(expected)) != expected:
        raise Unreadable(otherwise)


def _expect_zeros(source: Readable, size: int, piece: memoryview) -> None:
    """Expect `size` zero bytes and then the end, which only a verified final chunk gives."""
    while size and (read := fill(source, piece[:size])):
        if bytes(piece[:read]) != bytes(read):
            raise Unreadable("the padding is not zero")
        size -= read
    if size or fill(source, piece[:1]):
        raise Unreadable("the package does not end where it must")
