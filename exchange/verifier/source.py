"""A log to be read: its checkpoint, tiles, entry bundles and public documents, all untrusted.

Only three things decide anywhere: the inclusion loop, the consistency loop, and the root
recomputed from the entries. What this module returns is a hint until one of them has spoken.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from exchange.audit.merkle import HASH_SIZE, TILE_HEIGHT, TILE_WIDTH
from exchange.audit.note import LARGEST_NOTE
from exchange.audit.tiles import Bundle, Tile, cut, path_of, tile_path
from exchange.errors import LogInvalid, NotFound, TooLarge
from exchange.verifier.archive import read_archive
from exchange.verifier.files import Files, FolderFiles, read
from exchange.verifier.web import CHECKPOINT, open_web

LARGEST_DOCUMENT: Final = 1024 * 1024
"""Bytes of a public document."""
LARGEST_BUNDLE: Final = TILE_WIDTH * (2 + 0xFFFF)
"""Bytes of a bundle in any log of this format; one of ours has 13,056."""


class Reader(Protocol):
    """Whoever can read a log: this module's `Source`, or an agency's client of its hub."""

    async def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile, of exactly its width."""
        ...

    async def bundle(self, bundle: Bundle) -> bytes:
        """Return the bytes of an entry bundle."""
        ...

    async def document(self, sha256: str) -> bytes:
        """Return a public document by the SHA-256 of its bytes, lowercase hex."""
        ...


class Source:
    """A log, wherever its files are."""

    def __init__(self, files: Files, *, size: int | None = None) -> None:
        """Take the place of the files: the folder of `checkpoint` and `tile/`.

        Args:
            files: where they are.
            size: of the log as it is kept there, for who asks for a smaller one: a copy has only
                the partial tiles of its own size.
        """
        self.files = files
        self._size = size

    async def checkpoint(self) -> bytes:
        """Return the signed note of the newest head that is published here."""
        return await read(self.files, CHECKPOINT, limit=LARGEST_NOTE)

    async def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile, cut out of the full one where only that is kept.

        Raises:
            LogInvalid: it has another size.
            NotFound: it is missing.
            Unavailable: the place cannot be reached.
        """
        data = await self._part(tile, TILE_WIDTH * HASH_SIZE)
        if len(data) != tile.width * HASH_SIZE:
            raise LogInvalid(f"{tile_path(tile)} has another size", what="tile")
        return data

    async def bundle(self, bundle: Bundle) -> bytes:
        """Return the bytes of an entry bundle, cut out of the full one where only that is kept.

        Raises:
            LogInvalid: too large, or a full one that cannot be cut.
            NotFound: it is missing.
            Unavailable: the place cannot be reached.
        """
        return await self._part(bundle, LARGEST_BUNDLE)

    async def document(self, sha256: str) -> bytes:
        """Return a public document by the SHA-256 of its bytes, lowercase hex."""
        return await read(self.files, f"documents/{sha256}", limit=LARGEST_DOCUMENT)

    async def _part(self, part: Tile | Bundle, limit: int) -> bytes:
        try:
            return await self._read(path_of(part), limit)
        except NotFound:
            for width in self._wider(part):
                try:
                    wider = await self._read(path_of(replace(part, width=width)), limit)
                except NotFound:
                    continue
                return cut(part, wider)
            raise

    def _wider(self, part: Tile | Bundle) -> list[int]:
        """Return the widths under which more than a part of a growing log may be kept."""
        level = part.level if isinstance(part, Tile) else 0
        kept = (
            0 if self._size is None else (self._size >> TILE_HEIGHT * level) - part.n * TILE_WIDTH
        )
        return [width for width in (min(kept, TILE_WIDTH), TILE_WIDTH) if width > part.width]

    async def _read(self, path: str, limit: int) -> bytes:
        try:
            return await read(self.files, path, limit=limit)
        except TooLarge:
            raise LogInvalid(f"{path} is too large", what="tile") from None


@asynccontextmanager
async def open_source(target: str, token: str | None = None) -> AsyncIterator[Source]:
    """Yield the log at `target`: an http(s) prefix, a folder, or a tar.

    Args:
        target: as somebody typed it.
        token: for the entries of a log in the web.

    Raises:
        NotFound: there is nothing of that name.
        Malformed: a file that is no tar of a log.
        Unavailable: an address that is neither encrypted nor on this machine.
    """
    if target.startswith(("https://", "http://")):
        async with open_web(target, token) as files:
            yield Source(files)
        return
    yield Source(_here(Path(target)))


def _here(path: Path) -> Files:
    if path.is_dir():
        return FolderFiles(path)
    if path.is_file():
        return read_archive(path)
    raise NotFound(f"{path} is neither a folder, nor a tar, nor an address")
