"""Where files came from: whoever passes on a file of another agency has to say so.

Remembers digests and sizes of what was delivered here, never a name or content. Of a file to be
sent only those are hashed for this that have the size of a delivered one.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from exchange.agency import arrivals
from exchange.agency.state import Delivered
from exchange.database import Database
from exchange.envelope.sealing import Outgoing


class Origins:
    """The files of others that passed through one gateway."""

    def __init__(self, database: Database) -> None:
        """Take the state; nothing is read yet."""
        self._database = database
        self._sizes: set[int] | None = None

    async def of(self, files: Sequence[Outgoing]) -> list[Delivered]:
        """Return what is known of those of `files` that another agency once sent here."""
        if self._sizes is None:
            self._sizes = set(await self._database.read(arrivals.sizes_delivered))
        sizes = {size for file in files if (size := size_of(file)) in self._sizes}
        if not sizes:
            return []
        candidates = await self._database.read(arrivals.find_delivered, sizes)
        hashes = {
            await asyncio.to_thread(_sha256, file) for file in files if size_of(file) in sizes
        }
        return [file for file in candidates if file.sha256 in hashes]

    def note(self, files: Iterable[Delivered]) -> None:
        """Know of files that were just committed to the state."""
        if self._sizes is not None:
            self._sizes |= {file.size for file in files}


def size_of(file: Outgoing) -> int:
    """Return the bytes of a file to be sent."""
    if isinstance(file.source, Path):
        return file.source.stat().st_size
    return len(file.source)


def _sha256(file: Outgoing) -> str:
    if isinstance(file.source, bytes):
        return hashlib.sha256(file.source).hexdigest()
    with file.source.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
