"""Payloads as files of one directory on the hub's own disk: the default, without any set-up."""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from exchange.durable import make_directory, name_durably, write_durably
from exchange.errors import ExchangeError, NotFound, StorageFull, Unavailable
from exchange.hub.storage.blobs import CHUNK, Kept, checked, is_name, new_name

PAGE = 1000
"""Entries of the directory looked at in one thread hop."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileBlobs:
    """`Blobs` as files of one directory, readable by the hub only."""

    def __init__(self, directory: Path) -> None:
        """Use `directory`, and make it durably if it does not exist."""
        make_directory(directory)
        self._directory = directory

    async def put(
        self, name: str, chunks: AsyncIterator[bytes], *, limit: int, known: bool = False
    ) -> Kept:
        """See `Blobs.put`."""
        target = self._path(name)
        # What a crash leaves of a known name lies under one that no row knows, and is swept.
        written = self._path(new_name()) if known else target
        try:
            digest, size = await write_durably(written, chunks, limit=limit)
            if known:
                await asyncio.to_thread(name_durably, written, target)
        except (FileExistsError, ConnectionError, TimeoutError):
            raise  # the two last are the sender's
        except OSError as error:
            raise _failed(error) from None
        return Kept(blob=name, size=size, sha256=digest)

    async def read(self, name: str, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """See `Blobs.read`. The file stays readable while it is deleted: the caller cuts."""
        try:
            fd = await asyncio.to_thread(os.open, self._path(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound from None
        except OSError as error:
            raise _failed(error) from None
        try:
            while first < end:
                try:
                    chunk = await asyncio.to_thread(os.pread, fd, min(CHUNK, end - first), first)
                except OSError as error:
                    raise _failed(error) from None
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

    async def names(self, *, before: datetime) -> AsyncIterator[tuple[str, ...]]:
        """See `Blobs.names`."""
        made_before = before.astimezone(UTC).timestamp()
        try:
            entries = await asyncio.to_thread(os.scandir, self._directory)
            with entries:
                while page := await asyncio.to_thread(_page, entries):
                    found = await asyncio.to_thread(_old, page, made_before)
                    if found:
                        yield found
        except OSError as error:
            raise _failed(error) from None

    def free(self) -> int:
        """See `Blobs.free`."""
        try:
            found = os.statvfs(self._directory)
        except OSError as error:
            raise _failed(error) from None
        return found.f_bavail * found.f_frsize

    async def check(self) -> None:
        """See `Blobs.check`."""
        try:
            await asyncio.to_thread(os.statvfs, self._directory)
        except OSError as error:
            raise _failed(error) from None

    def _path(self, name: str) -> Path:
        return self._directory / checked(name)


def _page(entries: Iterator[os.DirEntry[str]]) -> tuple[os.DirEntry[str], ...]:
    return tuple(islice(entries, PAGE))


def _old(page: tuple[os.DirEntry[str], ...], before: float) -> tuple[str, ...]:
    return tuple(entry.name for entry in page if is_name(entry.name) and _made(entry) < before)


def _made(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:  # deleted since the directory was read
        return float("inf")


def _failed(error: OSError) -> ExchangeError:
    if error.errno in _NO_ROOM:
        return StorageFull("no room for another payload")
    return Unavailable(f"the payloads cannot be read or written: {type(error).__name__}")
