"""The bytes of a package between the contents of its files: every one of them is determined.

A POSIX tar (POSIX.1-2017, pax, ustar), written and predicted by the same functions and never
parsed. Name, size and time determine a header; nothing else varies.
"""

from dataclasses import dataclass

from exchange.envelope.contents import Contents
from exchange.envelope.manifest import BLOCK_SIZE, Context
from exchange.envelope.padme import padme

CONTEXT_NAME = "context.json"
"""First member: the exact bytes of the signed context."""
CONTENTS_NAME = "contents.json"
"""Second member: the contents list."""
FOLDER = "files/"
"""Folder of all other members."""
END_SIZE = 2 * BLOCK_SIZE
"""Zero bytes that end a tar, before the padding."""

_LARGEST_ASCII_NAME = 100


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything in a package except the contents of its files."""

    before: bytes
    """Members `context.json` and `contents.json`."""
    files: tuple[tuple[bytes, int, bytes], ...]
    """Of every file the header blocks, the size, and the zero bytes after it."""
    tail: int
    """Zero bytes after the last file: two blocks and the padding."""
    size: int
    """Bytes of the whole package, a fixed point of Padmé and a multiple of 512."""


def layout(context: Context, contents: Contents) -> Layout:
    """Return the layout of the package with this context and contents list."""
    before = member(CONTEXT_NAME, context.raw, context.iat) + member(
        CONTENTS_NAME, contents.raw, context.iat
    )
    files = tuple(
        (file_header(entry.name, position, entry.size, context.iat), entry.size, fill(entry.size))
        for position, entry in enumerate(contents.files, start=1)
    )
    used = len(before) + sum(len(head) + size + len(zeros) for head, size, zeros in files)
    size = padme(used + END_SIZE)
    return Layout(before, files, size - used, size)


def member(name: str, content: bytes, mtime: int) -> bytes:
    """Return a whole member with a short ASCII name."""
    return header(name, len(content), mtime) + content + fill(len(content))


def file_header(name: str, position: int, size: int, mtime: int) -> bytes:
    """Return the header block of a file, with a pax header before it where the name needs one.

    Args:
        name: an admitted name, without folder.
        position: in the contents list, from 1.
        size: of the file in bytes.
        mtime: `iat` of the context.
    """
    path = f"{FOLDER}{name}"
    if path.isascii() and len(path) <= _LARGEST_ASCII_NAME:
        return header(path, size, mtime)
    short = f"{FOLDER}{position:04}"
    record = _record(path)
    return (
        header(f"{short}.pax", len(record), mtime, kind=b"x")
        + record
        + fill(len(record))
        + header(short, size, mtime)
    )


def _record(path: str) -> bytes:
    """Return the pax record `LEN path=...`, in which LEN counts itself."""
    body = f" path={path}\n".encode()
    size = len(body)
    while (total := len(str(size)) + len(body)) != size:
        size = total
    return str(size).encode("ascii") + body


def fill(size: int) -> bytes:
    """Return the zero bytes that follow `size` bytes to the end of their block."""
    return bytes(-size % BLOCK_SIZE)


def header(name: str, size: int, mtime: int, *, kind: bytes = b"0") -> bytes:
    """Return one header block, 512 bytes (POSIX.1-2017, ustar interchange format).

    Args:
        name: at most 100 ASCII characters.
        size: bytes of content, under 8 GiB.
        mtime: seconds since 1970.
        kind: `0` a file, `x` a pax header for the next one.
    """
    block = b"".join(
        (
            name.encode("ascii").ljust(100, b"\x00"),
            b"0000600\x000000000\x000000000\x00",
            b"%011o\x00%011o\x00" % (size, mtime),
            b" " * 8,
            kind,
            bytes(100),
            b"ustar\x0000",
            bytes(64),
            b"0000000\x000000000\x00",
            bytes(167),
        )
    )
    return block[:148] + b"%06o\x00 " % sum(block) + block[156:]
