"""Reads multipart/form-data (RFC 7578) part by part, in constant memory and within bounds.

Strict where leniency lets two programs read one body differently: no preamble, no nested parts, no
transfer encoding. A file name is what the client says: nobody opens a file by it.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from exchange.errors import Malformed, TooLarge

HEAD_LIMIT: Final = 8 * 1024
"""Bytes of the head of one part."""
MOST_PARTS: Final = 1000
"""Parts of one body."""
HEADERS: Final = frozenset({"content-disposition", "content-type", "content-length"})
"""Headers a part may have; the last is not believed."""

_BOUNDARY = re.compile(
    r"multipart/form-data *; *boundary=(?:\"([^\"\r\n]{1,70})\"|([0-9A-Za-z'()+_,./:=?-]{1,70}))",
    re.ASCII | re.IGNORECASE,
)
_PARAMETER = re.compile(r"; *([a-z*]{1,16}) *= *(?:\"((?:[^\"\\]|\\.)*)\"|([^;\" ]+))")
_QUOTED = re.compile(r"\\(.)")
_STAR = "utf-8''"
_LINE_END = b"\r\n"
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One part, its content still to be read."""

    name: str
    filename: str | None
    media_type: str
    """Lower case, without parameters; empty where the client says nothing."""
    content: AsyncIterator[bytes]
    """To be read to its end before the next part is asked for; what is left is thrown away."""


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names.

    Raises:
        Malformed: it is no multipart/form-data, or has no boundary.
    """
    found = _BOUNDARY.fullmatch(content_type.strip())
    if found is None:
        raise Malformed("the body is no multipart/form-data with a boundary")
    return (found[1] or found[2]).encode("ascii", "replace")


async def parts(body: AsyncIterator[bytes], boundary: bytes) -> AsyncGenerator[Part, None]:
    """Yield the parts of `body` in their order.

    Raises:
        Malformed: it is no such body, or ends before its last boundary.
        TooLarge: a head of more than 8 KiB, or more than 1,000 parts.
    """
    reader = _Reader(body, b"\r\n--" + boundary)
    await reader.first()
    for _ in range(MOST_PARTS):
        if await reader.ends():
            return
        head = _head(await reader.head())
        async with aclosing(reader.content()) as content:
            yield Part(*head, content)
        await reader.skip()
    if not await reader.ends():
        raise TooLarge(f"more than {MOST_PARTS} parts")


class _Reader:
    """A body that is read forward, and never kept."""

    def __init__(self, body: AsyncIterator[bytes], delimiter: bytes) -> None:
        self._body = body
        self._delimiter = delimiter
        self._held = bytearray(_LINE_END)
        """Read and not given out. The first boundary has no line end before it; here it has."""
        self._in_part = False

    async def first(self) -> None:
        """Read the first boundary.

        Raises:
            Malformed: the body begins with something else.
        """
        await self._hold(len(self._delimiter))
        if not self._held.startswith(self._delimiter):
            raise Malformed("the body does not begin with its boundary")
        del self._held[: len(self._delimiter)]

    async def ends(self) -> bool:
        """Tell whether the boundary just read is the last; another part follows otherwise."""
        await self._hold(len(_LINE_END))
        mark = bytes(self._held[: len(_LINE_END)])
        del self._held[: len(_LINE_END)]
        if mark == _LINE_END:
            return False
        if mark != b"--":
            raise Malformed("a boundary is followed by something else than a line end")
        while len(self._held) <= len(_LINE_END) and await self._more():
            pass
        if bytes(self._held) not in {b"", _LINE_END}:
            raise Malformed("something follows the last boundary")
        return True

    async def head(self) -> bytes:
        """Return the header lines of a part."""
        while (end := self._held.find(_HEAD_END)) < 0 and len(self._held) <= HEAD_LIMIT:
            await self._must()
        if not 0 <= end <= HEAD_LIMIT:
            raise TooLarge(f"the head of a part has more than {HEAD_LIMIT} bytes")
        head = bytes(self._held[:end])
        del self._held[: end + len(_HEAD_END)]
        self._in_part = True
        return head

    async def content(self) -> AsyncGenerator[bytes, None]:
        """Yield the content of the part whose head was read, or what is left of it."""
        while self._in_part:
            at = self._held.find(self._delimiter)
            # Without a boundary, its beginning may be the end of what is here.
            sure = at if at >= 0 else max(0, len(self._held) - len(self._delimiter) + 1)
            piece = bytes(self._held[:sure])
            self._in_part = at < 0
            del self._held[: sure if self._in_part else sure + len(self._delimiter)]
            if piece:
                yield piece
            if self._in_part:
                await self._must()

    async def skip(self) -> None:
        """Throw away what is left of a part."""
        async for _ in self.content():
            pass

    async def _hold(self, size: int) -> None:
        while len(self._held) < size:
            await self._must()

    async def _must(self) -> None:
        if not await self._more():
            raise Malformed("the body ended early")

    async def _more(self) -> bool:
        chunk = await anext(self._body, None)
        if chunk is None:
            return False
        self._held += chunk
        return True


def _head(head: bytes) -> tuple[str, str | None, str]:
    """Return name, file name and media type from the header lines of a part."""
    found: dict[str, str] = {}
    for line in head.split(_LINE_END):
        spelt, colon, value = line.partition(b":")
        known = spelt.decode("latin-1").lower()
        if not colon or known not in HEADERS or known in found:
            raise Malformed("a part has a header that none of ours has, or one twice")
        try:
            found[known] = value.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise Malformed("the head of a part is not UTF-8") from None
    name, filename = _disposition(found.get("content-disposition", ""))
    return name, filename, found.get("content-type", "").partition(";")[0].strip().lower()


def _disposition(value: str) -> tuple[str, str | None]:
    kind, _, _ = value.partition(";")
    given: dict[str, str] = {}
    at = len(kind)
    while at < len(value):
        found = _PARAMETER.match(value, at)
        if found is None or found[1] in given:
            raise Malformed("a Content-Disposition cannot be parsed")
        given[found[1]] = found[3] if found[2] is None else _QUOTED.sub(r"\1", found[2])
        at = found.end()
    if kind.strip().lower() != "form-data" or "name" not in given:
        raise Malformed("a part is no form-data with a name")
    extended = given.get("filename*", "")
    if extended.lower().startswith(_STAR):
        return given["name"], unquote(extended[len(_STAR) :], errors="replace")
    filename = given.get("filename")
    return given["name"], None if filename is None else _decoded(filename)


def _decoded(filename: str) -> str:
    """Return a name without its percent-encoding (RFC 7578, section 4.2), if it has one."""
    try:
        return unquote(filename, errors="strict")
    except UnicodeDecodeError:
        return filename
