"""Documents that arrive over HTTP, on their way to be sealed: files without a name.

A file of an office is plaintext. It is written where no name leads to it, in a directory of the
home, so that nobody finds it and a crash leaves nothing.
"""

import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.agency.disk_room import DiskRoom
from exchange.agency.rooms import in_thread
from exchange.durable import partial_name
from exchange.errors import StorageFull, TooLarge

PIECE: Final = 1024 * 1024
"""Bytes gathered before a thread writes them: one hop per MiB, whatever pieces arrive."""
MOST_BYTES: Final = 1024 * 1024 * 1024
"""Bytes of all files together: what one disclosure holds."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One file that was taken in."""

    path: Path
    """Leads to it while the stage is open; may be opened as often as wanted."""
    size: int
    """Bytes."""
    sha256: str
    """Lowercase hex."""


class Stage:
    """Takes files in; made by `open_stage`."""

    def __init__(self, room: DiskRoom, most_bytes: int) -> None:
        self._room = room
        self._left = most_bytes
        self._open: list[int] = []

    async def take(self, arriving: AsyncIterable[bytes]) -> Staged:
        """Write what arrives into a new file, in constant memory.

        Raises:
            TooLarge: more than is left of the bytes of this stage.
            StorageFull: the disk has no room, or others have claimed what it has.
        """
        try:
            return await self._filled(await in_thread(self._opened), arriving)
        except OSError:
            raise StorageFull("the disk of this gateway is full or does not answer") from None

    def _opened(self) -> int:
        fd = unnamed(self._room.folder)
        self._open.append(fd)
        return fd

    async def _filled(self, fd: int, arriving: AsyncIterable[bytes]) -> Staged:
        hashed, size = hashlib.sha256(), 0
        async for piece in _gathered(arriving):
            size += len(piece)
            self._left -= len(piece)
            if self._left < 0:
                raise TooLarge("all files together are larger than a disclosure can be")
            # Waited for also when cancelled: the number of a closed file is the next one's.
            await in_thread(self._append, fd, piece)
            hashed.update(piece)
        return Staged(Path(f"/proc/self/fd/{fd}"), size, hashed.hexdigest())

    def _append(self, fd: int, piece: bytes) -> None:
        with self._room.claimed(len(piece)):
            append(fd, piece)

    def close(self) -> None:
        """Let every file go; the kernel frees what no name leads to."""
        while self._open:
            os.close(self._open.pop())


@asynccontextmanager
async def open_stage(room: DiskRoom, *, most_bytes: int = MOST_BYTES) -> AsyncIterator[Stage]:
    """Yield where files are taken in; none of them is left afterwards."""
    stage = Stage(room, most_bytes)
    try:
        yield stage
    finally:
        await in_thread(stage.close)


async def _gathered(arriving: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    gathered = bytearray()
    async for chunk in arriving:
        gathered += chunk
        if len(gathered) >= PIECE:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def unnamed(folder: Path) -> int:
    """Return the number of a new file in `folder` that no name leads to; whoever asked closes it.

    Raises:
        OSError: the disk has no room, or does not answer.
    """
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        # A file system without such files. The name lives for a moment, without content.
        path = partial_name(folder / "stage")
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        path.unlink()
        return fd


def append(fd: int, piece: bytes) -> None:
    """Write all of `piece` at the end of a file."""
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(fd, rest) :]
