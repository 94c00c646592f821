"""Payloads and pieces of uploads: opaque bytes under random names, on the hub's disk.

A payload without its header is noise. Never backed up, never served but through our own loop,
which can be cut.
"""

import asyncio
import errno
import os
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from exchange.durable import make_directory, write_durably
from exchange.errors import ExchangeError, Malformed, NotFound, StorageFull, Unavailable

CHUNK = 256 * 1024
"""Bytes read at once when a payload is served."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NAME = re.compile(r"[0-9a-f][0-9a-f-]{31,35}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Bytes in the blob store."""

    blob: str
    """Their name."""
    size: int
    sha256: str
    """Hex, of exactly these bytes."""


class Blobs(Protocol):
    """A store of immutable byte strings."""

    async def put(self, name: str, chunks: AsyncIterator[bytes], *, limit: int) -> Kept:
        """Keep what arrives under a new name; durable when it returns, absent after an error.

        Raises:
            TooLarge: more than `limit` bytes arrived.
            FileExistsError: the name is taken: nothing is ever overwritten.
            StorageFull: no room.
            Unavailable: the disk fails.
        """
        ...

    def read(self, name: str, first: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `first` to before `end`.

        Raises:
            NotFound: there are no such bytes (any more).
        """
        ...

    async def delete(self, name: str) -> None:
        """Remove a blob; one that is not there is no error.

        Raises:
            Unavailable: the disk fails.
        """
        ...

    async def names(self, *, before: datetime) -> tuple[str, ...]:
        """Return names of blobs that were made before a moment, and of what a crash left of one."""
        ...

    async def free(self) -> int:
        """Return how many bytes there is room for."""
        ...


def new_name() -> str:
    """Return a fresh random name: each attempt has its own, so nothing rests on overwriting."""
    return secrets.token_hex(16)


class FileBlobs:
    """`Blobs` as files of one directory, readable by the hub only."""

    def __init__(self, directory: Path) -> None:
        """Use `directory`, and make it durably if it does not exist."""
        make_directory(directory)
        self._directory = directory

    async def put(self, name: str, chunks: AsyncIterator[bytes], *, limit: int) -> Kept:
        """See `Blobs.put`."""
        try:
            digest, size = await write_durably(self._path(name), chunks, limit=limit)
        except (FileExistsError, ConnectionError, TimeoutError):
            raise  # the two last are the sender's
        except OSError as error:
            raise _failed(error) from None
        return Kept(blob=name, size=size, sha256=digest)

    async def read(self, name: str, first: int, end: int) -> AsyncIterator[bytes]:
        """See `Blobs.read`. The file stays readable while it is deleted: the caller cuts."""
        try:
            fd = await asyncio.to_thread(os.open, self._path(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound from None
        try:
            while first < end:
                chunk = await asyncio.to_thread(os.pread, fd, min(CHUNK, end - first), first)
                if not chunk:
                    raise NotFound
                first += len(chunk)
                yield chunk
        finally:
            os.close(fd)

    async def delete(self, name: str) -> None:
        """See `Blobs.delete`. A crash before the directory is synced brings it back: noise."""
        try:
            await asyncio.to_thread(self._path(name).unlink, missing_ok=True)
        except OSError as error:
            raise _failed(error) from None

    async def names(self, *, before: datetime) -> tuple[str, ...]:
        """See `Blobs.names`."""
        return await asyncio.to_thread(self._old, before.astimezone(UTC).timestamp())

    async def free(self) -> int:
        """See `Blobs.free`."""
        found = await asyncio.to_thread(os.statvfs, self._directory)
        return found.f_bavail * found.f_frsize

    def _old(self, before: float) -> tuple[str, ...]:
        return tuple(
            sorted(
                entry.name
                for entry in os.scandir(self._directory)
                if _NAME.fullmatch(entry.name)
                and entry.stat(follow_symlinks=False).st_mtime < before
            )
        )

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise Malformed("not the name of a blob")
        return self._directory / name


def _failed(error: OSError) -> ExchangeError:
    if error.errno in _NO_ROOM:
        return StorageFull("no room for another payload")
    return Unavailable(f"the payloads cannot be written: {type(error).__name__}")
