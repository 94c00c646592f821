"""A copy of a log that a witness keeps: entries, tiles and public documents, all verified.

A plain directory as C2SP tlog-tiles has it, which any tool for such logs reads: `checkpoint`,
`tile/…`, `tile/entries/…`, and `documents/…` beside them, without which a hub could not be
repaired from it. What `checkpoint` covers is verified: its root was computed from the entries,
tiles are computed, never fetched, and each document has the digest that its entry names. What
lies beyond it is not done yet and is written again.
"""

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from exchange.audit.checkpoint import Checkpoint, read_checkpoint
from exchange.audit.leaf import LABEL_SIZE, LEAF_SIZE
from exchange.audit.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    TILE_WIDTH,
    Range,
    append,
    leaf_hash,
    pieces,
    range_hash,
    root,
)
from exchange.audit.note import read_note
from exchange.audit.opening import DOCUMENT
from exchange.audit.tiles import (
    Bundle,
    Tile,
    bundle_path,
    bundles_of,
    encode_bundle,
    read_bundle,
    tile_in,
    tile_path,
    tiles_of,
)
from exchange.durable import make_directory, write_bytes_durably
from exchange.errors import LogInvalid, Malformed, Misconfigured
from exchange.witness.road import Road

CHECKPOINT: Final = "checkpoint"
AT_ONCE: Final = 8
"""Bundles fetched at the same time: 100 kB."""
_PUBLIC: Final = bytes([DOCUMENT])
"""How the entry of a public document begins."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """The directory of a copy."""

    directory: Path

    def head(self) -> Checkpoint | None:
        """Return up to where the copy is whole and verified; None for an empty one.

        Raises:
            Misconfigured: the file is damaged.
        """
        try:
            note = read_note((self.directory / CHECKPOINT).read_bytes())
            return read_checkpoint(note.text)
        except FileNotFoundError:
            return None
        except Malformed:
            raise _damaged(self.directory) from None

    def tile(self, tile: Tile) -> bytes:
        """Return a tile of the copy."""
        return self._read(tile_path(tile))

    def bundle(self, bundle: Bundle) -> bytes:
        """Return a bundle of the copy."""
        return self._read(bundle_path(bundle))

    def write(self, name: str, content: bytes) -> None:
        """Write one file of the copy, durably, over one that was not finished."""
        file = self.directory / name
        make_directory(file.parent)
        write_bytes_durably(file, content, replace=True)

    def drop(self, name: str) -> None:
        """Remove a partial file that a fuller one has replaced."""
        file = self.directory / name
        file.unlink(missing_ok=True)
        if not any(file.parent.iterdir()):
            file.parent.rmdir()

    def _read(self, name: str) -> bytes:
        try:
            return (self.directory / name).read_bytes()
        except FileNotFoundError:
            raise _damaged(self.directory) from None


async def mirror(copy: Mirror, road: Road, note: bytes) -> int:
    """Bring a copy up to a head; return how many entries it gained.

    A crash leaves the copy at the head before; the next call fetches the rest again.

    Args:
        copy: the directory.
        road: to the log.
        note: a head of that log, whose signatures the caller has verified.

    Raises:
        LogInvalid: the entries do not lead to the root that was signed (`mirror-root`), or are
            others than those copied before (`mirror-entries`), or a public document is not the
            one that its entry names (`mirror-document`).
        Unauthenticated: entries need a token.
        NotFound, Unavailable: something cannot be fetched now.
        Misconfigured: the copy is damaged.
    """
    head = read_checkpoint(read_note(note).text)
    before = await asyncio.to_thread(copy.head) or Checkpoint(head.origin, 0, EMPTY_ROOT)
    if before.origin != head.origin:
        raise Misconfigured(f"{copy.directory} is the copy of another log")
    if before.size >= head.size:
        return 0
    growing = await asyncio.to_thread(_begin, copy, before)
    missing = [one for one in bundles_of(head.size) if one.n >= before.size // TILE_WIDTH]
    for at in range(0, len(missing), AT_ONCE):
        batch = missing[at : at + AT_ONCE]
        found = await asyncio.gather(*(road.bundle(one) for one in batch))
        for bundle, raw in zip(batch, found, strict=True):
            await asyncio.to_thread(growing.add, bundle, raw)
    if root(growing.range) != head.root:
        raise LogInvalid("the entries do not lead to the signed root", what="mirror-root")
    for digest in growing.documents:
        await _copy_document(copy, road, digest)
    await asyncio.to_thread(_end, copy, growing, note, before.size)
    return head.size - before.size


@dataclass(slots=True)
class _Growing:
    """A copy on its way from one head to the next."""

    copy: Mirror
    range: Range
    leaves: list[bytes]
    """Entries of the last bundle that is not full, as copied before."""
    rows: dict[int, bytes] = field(default_factory=dict)
    """By level, the tile that is not full."""
    documents: list[bytes] = field(default_factory=list)
    """SHA-256 of each public document that a new entry stands for."""

    def add(self, bundle: Bundle, raw: bytes) -> None:
        """Take the next bundle: keep it, and every tile that it fills."""
        leaves = read_bundle(raw, bundle.width)
        known = len(self.leaves)
        if leaves[:known] != self.leaves:
            raise LogInvalid("entries are others than before", what="mirror-entries")
        grown = append(self.range, [leaf_hash(leaf) for leaf in leaves[known:]])
        for piece in pieces(grown):
            row = self.rows.get(piece.level, b"") + piece.hashes
            full = len(row) == TILE_WIDTH * HASH_SIZE
            if full:
                self.copy.write(tile_path(Tile(piece.level, piece.n)), row)
            self.rows[piece.level] = b"" if full else row
        self.copy.write(bundle_path(bundle), encode_bundle(leaves))
        self.documents += [
            leaf[1 + LABEL_SIZE :] for leaf in leaves[known:] if leaf.startswith(_PUBLIC)
        ]
        self.leaves = leaves if len(leaves) < TILE_WIDTH else []
        self.range = grown.range


def _begin(copy: Mirror, before: Checkpoint) -> _Growing:
    """Return the copy as it is, after checking that its tiles still are those of its head."""
    size = before.size

    def read(level: int, n: int) -> bytes:
        return copy.tile(tile_in(size, level, n))

    hashes, lo = [], 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            hashes.append(range_hash(read, lo, lo + (1 << bit)))
            lo += 1 << bit
    compact = Range(size, tuple(hashes))
    if root(compact) != before.root:
        raise _damaged(copy.directory)
    rows = {tile.level: copy.tile(tile) for tile in tiles_of(size) if tile.width < TILE_WIDTH}
    last = size % TILE_WIDTH
    leaves = read_bundle(copy.bundle(Bundle(size // TILE_WIDTH, last)), last) if last else []
    if any(len(leaf) != LEAF_SIZE for leaf in leaves):
        raise _damaged(copy.directory)
    return _Growing(copy, compact, leaves, rows)


async def _copy_document(copy: Mirror, road: Road, digest: bytes) -> None:
    document = await road.document(digest.hex())
    if sha256(document).digest() != digest:
        raise LogInvalid("a public document is another one", what="mirror-document")
    await asyncio.to_thread(copy.write, f"documents/{digest.hex()}", document)


def _end(copy: Mirror, growing: _Growing, note: bytes, old: int) -> None:
    """Make the new head the copy's own, then remove what it no longer needs."""
    size = growing.range.size
    partial = {
        tile_path(tile): growing.rows[tile.level]
        for tile in tiles_of(size)
        if tile.width < TILE_WIDTH
    }
    for name, row in partial.items():
        copy.write(name, row)
    # Every file up to `size` is durable. A crash before this line leaves the head before.
    copy.write(CHECKPOINT, note)
    # A crash from here on leaves partial files too many; they harm nobody.
    kept = {*partial, *(bundle_path(one) for one in bundles_of(size))}
    for tile in tiles_of(old):
        if tile.width < TILE_WIDTH and tile_path(tile) not in kept:
            copy.drop(tile_path(tile))
    if old % TILE_WIDTH:
        name = bundle_path(Bundle(old // TILE_WIDTH, old % TILE_WIDTH))
        if name not in kept:
            copy.drop(name)


def _damaged(directory: Path) -> Misconfigured:
    return Misconfigured(f"the copy in {directory} is damaged; move it away and begin a new one")
