"""Where the files of a log are read from: a folder, an archive (`archive`) or the web (`web`).

Nothing here is trusted: a file is bytes under a path, and whoever wrote them may lie. A path is
one of ours, never one that was read.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Final, Protocol

from exchange.errors import Malformed, NotFound, TooLarge

PIECE: Final = 256 * 1024
"""Bytes read at a time."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)


class Files(Protocol):
    """Files under relative paths, such as `tile/0/x001/067.p/8`."""

    @property
    def told(self) -> str:
        """What a person calls this place."""
        ...

    def chunks(self, path: str) -> AsyncIterator[bytes]:
        """Yield the content of one file.

        Raises:
            NotFound: no such file.
            Unavailable: the place cannot be reached.
            OSError: it cannot be read.
        """
        ...

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the sorted names of the files right in a folder; none where it is unknown.

        Raises:
            Malformed: one that no export has.
        """
        ...


async def read(files: Files, path: str, *, limit: int) -> bytes:
    """Return the whole content of one file.

    Raises:
        NotFound: no such file.
        TooLarge: more than `limit` bytes.
        Unavailable: the place cannot be reached.
    """
    found = bytearray()
    async for chunk in files.chunks(path):
        found += chunk
        if len(found) > limit:
            raise TooLarge(f"{path} has more than {limit} bytes")
    return bytes(found)


async def lines(files: Files, path: str, *, limit: int) -> AsyncGenerator[bytes, None]:
    """Yield the lines of one file without their line feeds.

    Raises:
        NotFound: no such file.
        TooLarge: a line has more than `limit` bytes.
    """
    rest = b""
    async for chunk in files.chunks(path):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _bounded(line, path, limit)
        _bounded(rest, path, limit)
    if rest:
        yield rest


def _bounded(line: bytes, path: str, limit: int) -> bytes:
    if len(line) > limit:
        raise TooLarge(f"{path} has a line of more than {limit} bytes")
    return line


class FolderFiles:
    """Files in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        """Take the folder; nothing is read yet."""
        self._root = root

    @property
    def told(self) -> str:
        """The folder."""
        return str(self._root)

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        """Yield the content of one file."""
        file = self._root / path
        if not file.is_file():  # also a pipe, on which one would wait for ever
            raise NotFound(f"{path} is missing")
        with file.open("rb") as opened:
            while chunk := opened.read(PIECE):
                yield chunk

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files right in a folder, but for those that desktops hide there.

        Raises:
            Malformed: one that no export has, and that a terminal may obey.
        """
        try:
            found = sorted((self._root / folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return ()
        names = [one.name for one in found if one.is_file() and not one.name.startswith(".")]
        if not all(map(_NAME.fullmatch, names)):
            raise Malformed(f"{folder}/ has a file with a name that no export has")
        return tuple(names)
