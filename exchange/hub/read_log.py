"""Hand out the files of the log: heads, hashes, entries, policy and public documents.

Rows of tiles grow in place: every past width of a tile is the beginning of its row. A row may
already hold what was committed and not yet signed, so only what a signed head covers goes out;
to strangers only up to the heads that are named every few seconds, so that nobody watches single
entries arrive.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from exchange.audit.merkle import HASH_SIZE, TILE_HEIGHT, TILE_WIDTH
from exchange.audit.tiles import BUNDLED_SIZE, Bundle, Tile, encode_bundle
from exchange.errors import NotFound, Unavailable
from exchange.hub.parts import Hub
from exchange.hub.storage import checkpoints, log, openings, tree

Name = TypeVar("Name", Tile, Bundle)
SHELF = 64 * 1024 * 1024
"""Bytes of full tiles and bundles kept in memory by each process."""


class LogFiles:
    """What one process hands out; full tiles never change and are kept while there is room."""

    def __init__(self, hub: Hub, *, room: int = SHELF) -> None:
        self._hub = hub
        self._shelf = _Shelf(room)
        self._sizes = {True: 0, False: 0}
        """Entries that the head covers up to which the known, and strangers, may read."""

    async def checkpoint(self) -> bytes:
        """Return the published head with every line there is.

        Raises:
            NotFound: before the first.
        """
        return await self._hub.db.read(_published)

    async def candidate(self) -> bytes:
        """Return the head that witnesses cosign now, with every line there is; see `checkpoint`."""
        return await self._hub.db.read(_candidate)

    async def document(self, digest: str) -> bytes:
        """Return a public document by its digest, once it is an entry.

        Raises:
            NotFound: there is none.
        """
        found = await self._hub.db.read(log.document, digest)
        if found is None:
            raise NotFound
        return found

    async def tile(self, tile: Tile, *, known: bool) -> bytes:
        """Return the hashes of a tile.

        Args:
            tile: full or partial.
            known: whether the caller is; strangers are shown less of the newest entries.

        Raises:
            NotFound: no head that the caller may know covers it.
        """
        await self._check(tile.level, tile, known=known)
        return await self._kept(tile, HASH_SIZE, _tile)

    async def bundle(self, bundle: Bundle, *, known: bool) -> bytes:
        """Return the entries of a bundle; see `tile`."""
        await self._check(0, bundle, known=known)
        return await self._kept(bundle, BUNDLED_SIZE, _bundle)

    async def _check(self, level: int, name: Tile | Bundle, *, known: bool) -> None:
        """Refuse what no signed head covers; the size is read anew only where it is not enough."""
        needed = (name.n * TILE_WIDTH + name.width) << TILE_HEIGHT * level
        if needed > self._sizes[known]:
            size = await self._hub.db.read(openings.signed_size if known else _open_size)
            self._sizes[known] = max(size, self._sizes[known])
        if needed > self._sizes[known]:
            raise NotFound

    async def _kept(
        self, name: Name, unit: int, read: Callable[[Connection, Name], bytes]
    ) -> bytes:
        kept = self._shelf.get(name)
        if kept is not None:
            return kept
        found = await self._hub.db.read(read, name)
        if len(found) != unit * name.width:
            raise Unavailable("a tile of the log is shorter than its tree says")
        if name.width == TILE_WIDTH:
            self._shelf.put(name, found)
        return found


class _Shelf:
    """The files used last, as many as there is room for."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._files: OrderedDict[object, bytes] = OrderedDict()
        self._filled = 0

    def get(self, name: object) -> bytes | None:
        found = self._files.get(name)
        if found is not None:
            self._files.move_to_end(name)
        return found

    def put(self, name: object, file: bytes) -> None:
        if name not in self._files:
            self._files[name] = file
            self._filled += len(file)
        while self._filled > self._room:
            self._filled -= len(self._files.popitem(last=False)[1])


def _tile(conn: Connection, name: Tile) -> bytes:
    return tree.row(conn, name.level, name.n)[: HASH_SIZE * name.width]


def _bundle(conn: Connection, name: Bundle) -> bytes:
    return encode_bundle(tree.leaves(conn, name.n * TILE_WIDTH, name.width))


def _published(conn: Connection) -> bytes:
    head = checkpoints.published(conn)
    if head is None:
        raise NotFound
    return checkpoints.served_note(conn, head.size)


def _candidate(conn: Connection) -> bytes:
    found = checkpoints.newest_candidate(conn)
    if found is None:
        raise NotFound
    return checkpoints.served_note(conn, found[0].size)


def _open_size(conn: Connection) -> int:
    """Return the size of the largest head that everybody is shown."""
    candidate, published = checkpoints.newest_candidate(conn), checkpoints.published(conn)
    return max(
        0 if candidate is None else candidate[0].size, 0 if published is None else published.size
    )
