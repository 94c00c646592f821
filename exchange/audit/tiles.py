"""Tiles and entry bundles (C2SP tlog-tiles): names, widths and bytes.

Pure. A tile holds up to 256 hashes of one level, a bundle up to 256 entries, each behind its
length. There is one spelling of each name; any other does not exist.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exchange.audit.leaf import LEAF_SIZE
from exchange.audit.merkle import HASH_SIZE, TILE_HEIGHT, TILE_WIDTH
from exchange.audit.spelling import LARGEST_NUMBER, read_number
from exchange.errors import LogInvalid, Malformed

HIGHEST_LEVEL = 63
BUNDLED_SIZE = 2 + LEAF_SIZE
"""Bytes of one of our entries within a bundle."""

_LENGTH = LEAF_SIZE.to_bytes(2, "big")
_NUMBER = r"(?P<n>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
_TILE = re.compile(r"(?P<level>0|[1-9][0-9]?)/" + _NUMBER, re.ASCII)
_BUNDLE = re.compile(r"entries/" + _NUMBER, re.ASCII)


@dataclass(frozen=True, slots=True)
class Tile:
    """Name of a tile: `width` hashes from the beginning of tile `n` of a level."""

    level: int
    n: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not 0 <= self.level <= HIGHEST_LEVEL:
            raise Malformed("there is no such level of tiles")
        _check(self.n, self.width)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Name of an entry bundle: `width` entries from number 256 `n` on."""

    n: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        _check(self.n, self.width)


def tile_path(tile: Tile) -> str:
    """Return the name of a tile below the prefix of its log, such as `tile/0/x001/067.p/5`."""
    return f"tile/{tile.level}/{_numbered(tile.n, tile.width)}"


def bundle_path(bundle: Bundle) -> str:
    """Return the name of a bundle below the prefix of its log, such as `tile/entries/067`."""
    return f"tile/entries/{_numbered(bundle.n, bundle.width)}"


def path_of(part: Tile | Bundle) -> str:
    """Return the path of a tile or a bundle below the log's prefix."""
    return tile_path(part) if isinstance(part, Tile) else bundle_path(part)


def read_path(text: str) -> Tile | Bundle:
    """Return what the text after `tile/` names.

    Raises:
        Malformed: not a name in its canonical spelling.
    """
    if found := _BUNDLE.fullmatch(text):
        return Bundle(*_numbers(found))
    if found := _TILE.fullmatch(text):
        return Tile(int(found["level"]), *_numbers(found))
    raise Malformed("not the name of a tile")


def width_at(size: int, level: int) -> int:
    """Return the width of the partial tile at a level of a tree; 0: there is none."""
    return (size >> TILE_HEIGHT * level) % TILE_WIDTH


def tile_in(size: int, level: int, n: int) -> Tile:
    """Return tile `n` of a level as a tree of `size` entries has it: full, or as wide as it is."""
    return Tile(level, n, min((size >> TILE_HEIGHT * level) - n * TILE_WIDTH, TILE_WIDTH))


def tiles_of(size: int) -> Iterator[Tile]:
    """Name every tile of a tree with `size` entries, level by level, the partial ones last."""
    level = 0
    while hashes := size >> TILE_HEIGHT * level:
        full, width = divmod(hashes, TILE_WIDTH)
        for n in range(full):
            yield Tile(level, n)
        if width:
            yield Tile(level, full, width)
        level += 1


def bundles_of(size: int) -> Iterator[Bundle]:
    """Name every bundle of a log with `size` entries, in order."""
    full, width = divmod(size, TILE_WIDTH)
    for n in range(full):
        yield Bundle(n)
    if width:
        yield Bundle(full, width)


def encode_bundle(leaves: Sequence[bytes]) -> bytes:
    """Return the bytes of a bundle: each leaf behind its length, 2 bytes big-endian.

    Raises:
        Malformed: a leaf that has not 49 bytes, or more than 256.
    """
    if len(leaves) > TILE_WIDTH or any(len(leaf) != LEAF_SIZE for leaf in leaves):
        raise Malformed("a bundle holds up to 256 leaves of 49 bytes")
    return b"".join([part for leaf in leaves for part in (_LENGTH, leaf)])


def read_bundle(raw: bytes, count: int, *, any_length: bool = False) -> list[bytes]:
    """Return exactly `count` entries of a bundle.

    Args:
        raw: the bundle as it arrived.
        count: entries it must hold (`Bundle.width`), and nothing behind them.
        any_length: admit entries of other lengths than ours, of logs of other kinds.

    Raises:
        LogInvalid: another number or length of entries (`bundle`); `span` counts from the
            bundle's first entry.
    """
    if any_length:
        entries, rest = _entries(raw, count)
        if rest:
            raise LogInvalid("a bundle is too long", what="bundle", span=(count - 1, count - 1))
        return entries
    return _leaves(raw, count)


def cut(part: Tile | Bundle, raw: bytes) -> bytes:
    """Return of a full tile or bundle what belongs to a partial one.

    Growing logs may have only the full one left. What is too short stays too short.

    Raises:
        LogInvalid: a bundle whose lengths lead nowhere (`bundle`).
    """
    if isinstance(part, Tile):
        return raw[: part.width * HASH_SIZE]
    _, rest = _entries(raw, part.width)
    return raw[: len(raw) - rest]


def _leaves(raw: bytes, count: int) -> list[bytes]:
    whole = len(raw) // BUNDLED_SIZE
    high, low = raw[0::BUNDLED_SIZE], raw[1::BUNDLED_SIZE]
    if high != bytes(len(high)) or low != _LENGTH[1:] * len(low):
        lengths = (raw[at : at + 2] for at in range(0, len(raw), BUNDLED_SIZE))
        wrong = [at for at, length in enumerate(lengths) if length != _LENGTH]
        at = wrong[0] if wrong else whole
        raise LogInvalid("an entry has not 49 bytes", what="bundle", span=(at, at))
    if len(raw) != count * BUNDLED_SIZE:
        at = min(whole, count - 1)
        raise LogInvalid("a bundle is cut or too long", what="bundle", span=(at, at))
    return [raw[at : at + LEAF_SIZE] for at in range(2, len(raw), BUNDLED_SIZE)]


def _entries(raw: bytes, count: int) -> tuple[list[bytes], int]:
    """Return the first `count` entries of any length, and how many bytes follow them."""
    entries, at = [], 0
    for number in range(count):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if end > len(raw):
            raise LogInvalid("a bundle is cut", what="bundle", span=(number, number))
        entries.append(raw[at + 2 : end])
        at = end
    return entries, len(raw) - at


def _check(n: int, width: int) -> None:
    if not 0 <= n <= LARGEST_NUMBER or not 1 <= width <= TILE_WIDTH:
        raise Malformed("there is no tile of this number and width")


def _numbered(n: int, width: int) -> str:
    """Return a number in groups of three digits, all but the last with an `x`, and the width."""
    digits = str(n)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return name if width == TILE_WIDTH else f"{name}.p/{width}"


def _numbers(found: re.Match[str]) -> tuple[int, int]:
    """Return number and width of a tile's name, or refuse a second spelling of it."""
    name, width = found["n"], found["width"]
    if name.startswith("x000"):
        raise Malformed("not the name of a tile")
    digits = name.replace("x", "").replace("/", "")
    n = read_number(digits.lstrip("0") or "0")
    if width == str(TILE_WIDTH):
        raise Malformed("a full tile has no width in its name")
    return n, TILE_WIDTH if width is None else int(width)
