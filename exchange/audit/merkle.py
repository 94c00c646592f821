"""The Merkle tree of RFC 6962: hashing, growing, and the two loops that alone decide.

Pure. Hashes of a tile are hints: nothing here returns an "authenticated" one. A path is built
from whatever a reader got; it counts only when `verify_inclusion` or `verify_consistency`
accepts it against a signed root (RFC 9162, sections 2.1.3 and 2.1.4).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from exchange.errors import LogInvalid, Malformed

HASH_SIZE = 32
TILE_HEIGHT = 8
"""Levels of the tree that one tile spans: a full tile holds 256 hashes."""
TILE_WIDTH = 1 << TILE_HEIGHT
LONGEST_PATH = 63
"""Hashes of a proof: sizes are below 2^63."""
EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without entries."""

Read: TypeAlias = Callable[[int, int], bytes]
"""`read(level, n)` gives the hashes of tile `n` of a level, as many as there are."""
Position: TypeAlias = tuple[int, int]
"""Level and number of a tile."""


@dataclass(frozen=True, slots=True)
class Range:
    """A compact range: what is needed of a tree to make it grow, and to know its root."""

    size: int
    """Entries of the tree."""
    hashes: tuple[bytes, ...] = ()
    """Roots of the maximal complete subtrees, left to right: one per set bit of `size`."""

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise Malformed("a compact range holds one hash per set bit of its size")
        _check_hashes(self.hashes)


@dataclass(frozen=True, slots=True)
class Piece:
    """Hashes to be appended to the row of one tile."""

    level: int
    n: int
    """Number of the tile within its level."""
    offset: int
    """Hashes the row already has."""
    hashes: bytes
    """New ones, 32 bytes each."""


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree after some leaves were appended."""

    range: Range
    rows: Mapping[int, tuple[int, bytes]]
    """By level of tiles: position of the first new hash within the level, and the hashes."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the 32 bytes that stand for an entry at the bottom of the tree."""
    return sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def encode_range(compact: Range) -> bytes:
    """Return the hashes of a compact range, concatenated; its size is kept beside it."""
    return b"".join(compact.hashes)


def read_range(size: int, raw: bytes) -> Range:
    """Return the compact range of a tree of `size` entries from its concatenated hashes.

    Raises:
        Malformed: another number of hashes than `size` has bits.
    """
    return Range(size, split_hashes(raw))


def split_hashes(raw: bytes) -> tuple[bytes, ...]:
    """Return concatenated hashes one by one, or raise Malformed if a part is left over."""
    if len(raw) % HASH_SIZE:
        raise Malformed("hashes have 32 bytes each")
    return tuple(raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE))


def root(compact: Range) -> bytes:
    """Return the root of a tree from its compact range."""
    if not compact.hashes:
        return EMPTY_ROOT
    folded = compact.hashes[-1]
    for left in reversed(compact.hashes[:-1]):
        folded = node(left, folded)
    return folded


def append(compact: Range, leaves: Iterable[bytes]) -> Grown:
    """Return the tree after `leaves` were appended, and every hash that tiles gain by it.

    A merge whose height is a multiple of 8 is one hash of a higher tile: no tile has to be
    read for a tree to grow. Costs O(1) per leaf, O(log n) memory beside the result.

    Args:
        compact: the tree before.
        leaves: leaf hashes (`leaf_hash`), 32 bytes each.
    """
    size, stack = compact.size, list(compact.hashes)
    rows: dict[int, list[bytes]] = {0: []}
    bottom = rows[0]
    for leaf in leaves:
        bottom.append(leaf)
        merged, bits, height = leaf, size, 0
        while bits & 1:
            merged = sha256(b"\x01" + stack.pop() + merged).digest()
            bits >>= 1
            height += 1
            if not height % TILE_HEIGHT:
                rows.setdefault(height // TILE_HEIGHT, []).append(merged)
        stack.append(merged)
        size += 1
    return Grown(
        Range(size, tuple(stack)),
        {
            level: (compact.size >> TILE_HEIGHT * level, b"".join(hashes))
            for level, hashes in rows.items()
            if hashes
        },
    )


def pieces(grown: Grown) -> list[Piece]:
    """Return what each tile's row gains, in ascending order of level and number."""
    found = []
    for level, (first, hashes) in sorted(grown.rows.items()):
        at = 0
        while at < len(hashes):
            n, offset = divmod(first + at // HASH_SIZE, TILE_WIDTH)
            upto = at + (TILE_WIDTH - offset) * HASH_SIZE
            found.append(Piece(level, n, offset, hashes[at:upto]))
            at = upto
    return found


def range_hash(read: Read, lo: int, hi: int) -> bytes:
    """Return MTH(D[lo:hi]) built from rows of tiles, for `lo < hi` (RFC 6962, section 2.1).

    Raises:
        LogInvalid: a row is too short.
    """
    if not _is_complete(lo, hi):
        mid = _middle(lo, hi)
        return node(range_hash(read, lo, mid), range_hash(read, mid, hi))
    level, n, at, count = _place(lo, hi - lo)
    row = read(level, n)[at * HASH_SIZE : (at + count) * HASH_SIZE]
    if len(row) != count * HASH_SIZE:
        raise LogInvalid("a tile is shorter than its tree", what="tile-short")
    return fold(row)


def fold(row: bytes) -> bytes:
    """Return the root over the hashes of `row`, whose number is a power of two."""
    while len(row) > HASH_SIZE:
        row = b"".join(
            [
                sha256(b"\x01" + row[at : at + 2 * HASH_SIZE]).digest()
                for at in range(0, len(row), 2 * HASH_SIZE)
            ]
        )
    return row


def inclusion_path(read: Read, index: int, size: int) -> tuple[bytes, ...]:
    """Return the path of entry `index` in the tree of `size` entries, leaf's sibling first.

    Raises:
        Malformed: not `0 <= index < size`.
        LogInvalid: a row is too short.
    """
    return tuple(range_hash(read, lo, hi) for lo, hi in _inclusion_ranges(index, size))


def consistency_path(read: Read, old: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of `size` entries continues the one of `old`.

    Raises:
        Malformed: not `1 <= old <= size`.
        LogInvalid: a row is too short.
    """
    return tuple(range_hash(read, lo, hi) for lo, hi in _consistency_ranges(old, size))


def tiles_for_inclusion(index: int, size: int) -> frozenset[Position]:
    """Return every tile `inclusion_path` reads, so that they can be fetched before."""
    return _tiles_of(_inclusion_ranges(index, size))


def tiles_for_consistency(old: int, size: int) -> frozenset[Position]:
    """Return every tile `consistency_path` reads, so that they can be fetched before."""
    return _tiles_of(_consistency_ranges(old, size))


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf hash stands at `index` of the tree with this size and root.

    Raises:
        LogInvalid: it does not (`inclusion`).
    """
    if not 0 <= index < size:
        raise _not_included()
    inner = (index ^ (size - 1)).bit_length()
    if len(path) != inner + (index >> inner).bit_count():
        raise _not_included()
    _check_hashes((leaf, root, *path))
    folded = leaf
    for height, sibling in enumerate(path):
        if height >= inner or index >> height & 1:
            folded = node(sibling, folded)
        else:
            folded = node(folded, sibling)
    if folded != root:
        raise _not_included()


def verify_consistency(
    old: int, size: int, path: Sequence[bytes], old_root: bytes, root: bytes
) -> None:
    """Check that the tree of `size` entries begins with the tree of `old` entries.

    An empty old tree proves nothing: `old` must be at least 1.

    Raises:
        LogInvalid: it does not (`consistency`).
    """
    if not 1 <= old <= size:
        raise _not_consistent()
    _check_hashes((old_root, root, *path))
    if old == size:
        if path or old_root != root:
            raise _not_consistent()
        return
    hashes = list(path) if old & (old - 1) else [old_root, *path]
    if _folded(old, size, hashes) != (old_root, root):
        raise _not_consistent()


def _folded(old: int, size: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the old and the new root that a consistency proof leads to (RFC 9162, 2.1.4.2)."""
    if not hashes:
        raise _not_consistent()
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    before = after = hashes[0]
    for sibling in hashes[1:]:
        if not sn:
            raise _not_consistent()
        if fn & 1 or fn == sn:
            before, after = node(sibling, before), node(sibling, after)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            after = node(after, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise _not_consistent()
    return before, after


def _is_complete(lo: int, hi: int) -> bool:
    """Tell whether a range is one complete subtree, whose root is or lies below a stored hash."""
    width = hi - lo
    return not width & (width - 1) and not lo % width


def _middle(lo: int, hi: int) -> int:
    """Return where RFC 6962 splits: the largest power of two below the width, from `lo`."""
    return lo + (1 << (hi - lo - 1).bit_length() - 1)


def _place(lo: int, width: int) -> tuple[int, int, int, int]:
    """Return level and number of the tile of a complete subtree, its first hash and how many."""
    level, rest = divmod(width.bit_length() - 1, TILE_HEIGHT)
    n, at = divmod(lo >> TILE_HEIGHT * level, TILE_WIDTH)
    return level, n, at, 1 << rest


def _inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    if not 0 <= index < size:
        raise Malformed("there is no such entry in a tree of this size")
    lo, hi, ranges = 0, size, []
    while hi - lo > 1:
        mid = _middle(lo, hi)
        if index < mid:
            ranges.append((mid, hi))
            hi = mid
        else:
            ranges.append((lo, mid))
            lo = mid
    return ranges[::-1]


def _consistency_ranges(old: int, size: int) -> list[tuple[int, int]]:
    if not 1 <= old <= size:
        raise Malformed("there is no proof between trees of these sizes")
    lo, hi, ranges, inside = 0, size, [], False
    while old != hi:
        mid = _middle(lo, hi)
        if old <= mid:
            ranges.append((mid, hi))
            hi = mid
        else:
            ranges.append((lo, mid))
            lo, inside = mid, True
    if inside:
        ranges.append((lo, hi))
    return ranges[::-1]


def _tiles_of(ranges: Iterable[tuple[int, int]]) -> frozenset[Position]:
    return frozenset(tile for lo, hi in ranges for tile in _tiles_below(lo, hi))


def _tiles_below(lo: int, hi: int) -> list[Position]:
    if not _is_complete(lo, hi):
        mid = _middle(lo, hi)
        return [*_tiles_below(lo, mid), *_tiles_below(mid, hi)]
    level, n, _, _ = _place(lo, hi - lo)
    return [(level, n)]


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise Malformed("a hash has 32 bytes")


def _not_included() -> LogInvalid:
    return LogInvalid("the entry is not proven to be in the log", what="inclusion")


def _not_consistent() -> LogInvalid:
    return LogInvalid("the log is not proven to continue the older one", what="consistency")
