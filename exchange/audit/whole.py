"""The audit of a whole log: every entry, every tile, and the root computed anew.

Pure, in constant memory: whoever reads the log asks for `parts_of` its size and feeds them in
that order. Tiles are hints. An audit that believed a full tile would accept a forged entry when
its hash in that tile was forged along with it (CVE-2026-56865); here only the root computed
from the entries decides, and tiles serve to tell where it went wrong.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from exchange.audit import tiles
from exchange.audit.checkpoint import Checkpoint
from exchange.audit.merkle import (
    HASH_SIZE,
    TILE_HEIGHT,
    TILE_WIDTH,
    Range,
    append,
    fold,
    root,
)
from exchange.audit.tiles import Bundle, Tile
from exchange.errors import LogInvalid, Malformed

_VERSIONS = b"\x01\x02"
"""First bytes of our leaves."""


def parts_of(size: int) -> Iterator[Bundle | Tile]:
    """Name every bundle and every tile of a log, in the order in which an audit takes them.

    A bundle comes before its tile of level 0; a higher tile comes as soon as all below it have
    come; the partial ones of higher levels come last.
    """
    for bundle in tiles.bundles_of(size):
        yield bundle
        yield Tile(0, bundle.n, bundle.width)
        if bundle.width == TILE_WIDTH:
            yield from _completed(bundle.n + 1)
    level = 1
    while size >> TILE_HEIGHT * level:
        if width := tiles.width_at(size, level):
            yield Tile(level, size >> TILE_HEIGHT * (level + 1), width)
        level += 1


class Audit:
    """One pass over a log of a given size: feed it every part, then ask for the roots.

    Args:
        size: entries, from a signed checkpoint.
        at: sizes, up to this one, whose roots are wanted too: those of older checkpoints.
        any_length: admit entries that are none of ours, of logs of other kinds.
    """

    def __init__(self, size: int, *, at: Iterable[int] = (), any_length: bool = False) -> None:
        self._size = size
        self._any_length = any_length
        self._wanted = sorted({*at, size})
        if self._wanted[0] < 0 or self._wanted[-1] > size:
            raise Malformed("an older checkpoint is not larger than the log")
        self._parts = parts_of(size)
        self._roots: dict[int, bytes] = {}
        self._tree = Range(0)
        """Of all full bundles so far, one hash for each: the tree above level 0."""
        self._rows: dict[int, bytes] = {}
        """By level of tiles: hashes computed from the entries and not yet compared."""

    def feed(self, part: Bundle | Tile, raw: bytes) -> list[bytes]:
        """Take one part, and return its entries if it is a bundle.

        Args:
            part: the next of `parts_of`.
            raw: its bytes, of exactly this width (`tiles.cut`).

        Raises:
            LogInvalid: `bundle`, `leaf` or `tile`, with the span of entries among which the
                fault lies: one where entry and hash disagree, 256 and more above.
            Malformed: not the part that is due.
        """
        if next(self._parts, None) != part:
            raise Malformed("an audit takes every part of a log in its order")
        if isinstance(part, Bundle):
            return self._entries(part, raw)
        self._compare(part, raw)
        return []

    def roots(self) -> Mapping[int, bytes]:
        """Return the root at the size of the log and at every size wanted, from the entries.

        Raises:
            Malformed: parts are missing.
        """
        if next(self._parts, None) is not None:
            raise Malformed("an audit takes every part of a log")
        self._note_roots(self._size, [])
        return dict(self._roots)

    def _entries(self, bundle: Bundle, raw: bytes) -> list[bytes]:
        first = bundle.n * TILE_WIDTH
        try:
            entries = tiles.read_bundle(raw, bundle.width, any_length=self._any_length)
        except LogInvalid as refused:
            raise _moved(refused, first) from None
        if not self._any_length:
            _check_versions(raw, first)
        hashes = [sha256(b"\x00" + entry).digest() for entry in entries]
        self._note_roots(first, hashes)
        self._rows[0] = b"".join(hashes)
        if bundle.width == TILE_WIDTH:
            self._grow(fold(self._rows[0]))
        return entries

    def _note_roots(self, first: int, hashes: Sequence[bytes]) -> None:
        """Keep the roots wanted at sizes from `first` on, before the next full bundle ends."""
        while self._wanted and self._wanted[0] < first + TILE_WIDTH:
            size = self._wanted.pop(0)
            below = append(Range(0), hashes[: size - first]).range.hashes
            self._roots[size] = root(Range(size, self._tree.hashes + below))

    def _grow(self, folded: bytes) -> None:
        """Append a full bundle to the tree above level 0, and its hashes to the rows there."""
        grown = append(self._tree, [folded])
        self._tree = grown.range
        for level, (_, hashes) in grown.rows.items():
            self._rows[level + 1] = self._rows.get(level + 1, b"") + hashes

    def _compare(self, tile: Tile, raw: bytes) -> None:
        row = self._rows.pop(tile.level)
        if raw == row:
            return
        pairs = zip(_padded(row), _padded(raw), strict=False)
        at = next((at for at, (ours, theirs) in enumerate(pairs) if ours != theirs), 0)
        spanned = TILE_WIDTH**tile.level
        first = (tile.n * TILE_WIDTH + min(at, tile.width - 1)) * spanned
        if tile.level:
            text, what = "the hashes of entries do not lead to the tile above them", "tile"
        else:
            text, what = "an entry is not what its tile says", "leaf"
        raise LogInvalid(text, what=what, span=(first, first + spanned - 1))


def check_roots(roots: Mapping[int, bytes], heads: Iterable[Checkpoint]) -> None:
    """Compare the roots of an audit with signed checkpoints, the smallest first.

    Args:
        roots: of `Audit.roots`, at the size of each head.
        heads: checkpoints of the log whose signatures verified.

    Raises:
        LogInvalid: `root`, with the span between the last head that agrees and the first that
            does not: somewhere in there entries and tiles are not those that were signed.
    """
    good = 0
    for head in sorted(heads, key=lambda one: one.size):
        if roots[head.size] != head.root:
            text = "the entries do not lead to the signed root"
            raise LogInvalid(text, what="root", span=(good, max(head.size - 1, good)))
        good = head.size


def _completed(bundles: int) -> Iterator[Tile]:
    """Name the tiles above level 0 that are full with this number of bundles and not before."""
    level, count = 1, bundles
    while count % TILE_WIDTH == 0:
        count //= TILE_WIDTH
        yield Tile(level, count - 1)
        level += 1


def _check_versions(raw: bytes, first: int) -> None:
    versions = raw[2 :: tiles.BUNDLED_SIZE]
    if versions.strip(_VERSIONS):  # strips whatever is known from both ends
        at = next(at for at, version in enumerate(versions) if version not in _VERSIONS)
        raise LogInvalid("an entry has an unknown version", what="version", span=(first + at,) * 2)


def _moved(refused: LogInvalid, first: int) -> LogInvalid:
    """Return the refusal of a bundle with its span counted from the beginning of the log."""
    span = None if refused.span is None else (first + refused.span[0], first + refused.span[1])
    return LogInvalid(str(refused), what=refused.what, span=span)


def _padded(row: bytes) -> list[bytes]:
    return [row[at : at + HASH_SIZE] for at in range(0, TILE_WIDTH * HASH_SIZE, HASH_SIZE)]
