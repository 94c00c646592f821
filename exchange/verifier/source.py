"""A log to be read: its checkpoint, tiles, entry bundles and public documents, all untrusted.

Only three things decide anywhere: the inclusion loop, the consistency loop, and the root
recomputed from the entries. What this module returns is a hint until one of them has spoken.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from exchange.audit.tiles import Bundle, Tile, bundle_path, read_bundle, tile_path
from exchange.errors import LogInvalid, Malformed, NotFound, TooLarge
from exchange.verifier.archive import read_archive
from exchange.verifier.files import Files, FolderFiles, read
from exchange.verifier.web import open_web

WIDTH: Final = 256
"""Hashes of a full tile, entries of a full bundle."""
HASH: Final = 32
LARGEST_NOTE: Final = 128 * 1024
LARGEST_BUNDLE: Final = WIDTH * (2 + 65535)
LARGEST_DOCUMENT: Final = 1024 * 1024


class Source:
    """A log, wherever its files are."""

    def __init__(self, files: Files) -> None:
        """Take the place of the files: the folder of `checkpoint` and `tile/`."""
        self.files = files

    async def checkpoint(self) -> bytes:
        """Return the signed note of the newest head that is published here."""
        return await read(self.files, "checkpoint", limit=LARGEST_NOTE)

    async def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile, cut out of the full one where only that is kept.

        Raises:
            LogInvalid: it has another size.
            NotFound: it is missing.
            Unavailable: the place cannot be reached.
        """
        wanted = tile.width * HASH
        try:
            data = await self._read(tile_path(tile), wanted)
        except NotFound:
            if tile.width == WIDTH:
                raise
            data = await self._read(tile_path(replace(tile, width=WIDTH)), WIDTH * HASH)
            data = data[:wanted]
        if len(data) != wanted:
            raise LogInvalid(f"{tile_path(tile)} has another size", what="tile")
        return data

    async def bundle(self, bundle: Bundle) -> bytes:
        """Return the bytes of an entry bundle, cut out of the full one where only that is kept.

        Raises:
            NotFound: it is missing.
            Malformed: a full one, in place of a partial one, cannot be cut.
            Unavailable: the place cannot be reached.
        """
        try:
            return await self._read(bundle_path(bundle), LARGEST_BUNDLE)
        except NotFound:
            if bundle.width == WIDTH:
                raise
            data = await self._read(bundle_path(replace(bundle, width=WIDTH)), LARGEST_BUNDLE)
            return _cut(data, bundle.width)

    async def document(self, sha256: str) -> bytes:
        """Return a public document by the SHA-256 of its bytes, lowercase hex."""
        return await read(self.files, f"documents/{sha256}", limit=LARGEST_DOCUMENT)

    async def _read(self, path: str, limit: int) -> bytes:
        try:
            return await read(self.files, path, limit=limit)
        except TooLarge:
            raise LogInvalid(f"{path} has another size", what="tile") from None


def _cut(data: bytes, count: int) -> bytes:
    """Return the first `count` entries of a bundle, each with its length before it."""
    at = 0
    for _ in range(count):
        if len(data) < at + 2:
            raise Malformed("an entry bundle is too short")
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    return data[:at]


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
    path = Path(target)
    if path.is_dir():
        yield Source(FolderFiles(path))
    elif path.is_file():
        yield Source(read_archive(path))
    else:
        raise NotFound(f"{target} is neither a folder, nor a tar, nor an address")
