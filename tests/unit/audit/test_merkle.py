"""exchange.audit.merkle: against a naive tree, written here as RFC 6962 section 2.1 writes it."""

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit import merkle
from exchange.audit.merkle import Range
from exchange.errors import LogInvalid, Malformed

WELL_KNOWN_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
WELL_KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the first 0 to 8 leaves; the vectors of Certificate Transparency since 2013."""
BORDERS = [255, 256, 257, 511, 512, 513, 1000]
MANY = 1200
LEAVES = [sha256(b"\x00" + number.to_bytes(4, "big")).digest() for number in range(MANY)]


@cache
def naive_root(lo: int, hi: int) -> bytes:
    """MTH(D[lo:hi])."""
    if hi - lo < 2:
        return LEAVES[lo] if hi > lo else sha256(b"").digest()
    k = max(k for k in (2**power for power in range(12)) if k < hi - lo)
    return sha256(b"\x01" + naive_root(lo, lo + k) + naive_root(lo + k, hi)).digest()


def naive_inclusion(m: int, lo: int, hi: int) -> list[bytes]:
    """PATH(m, D[lo:hi])."""
    if hi - lo == 1:
        return []
    k = max(k for k in (2**power for power in range(12)) if k < hi - lo)
    if m < k:
        return [*naive_inclusion(m, lo, lo + k), naive_root(lo + k, hi)]
    return [*naive_inclusion(m - k, lo + k, hi), naive_root(lo, lo + k)]


def naive_consistency(m: int, lo: int, hi: int, whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[lo:hi], whole)."""
    if m == hi - lo:
        return [] if whole else [naive_root(lo, hi)]
    k = max(k for k in (2**power for power in range(12)) if k < hi - lo)
    if m <= k:
        return [*naive_consistency(m, lo, lo + k, whole), naive_root(lo + k, hi)]
    return [*naive_consistency(m - k, lo + k, hi, False), naive_root(lo, lo + k)]


def rows_of(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    rows: dict[tuple[int, int], bytes] = {}
    for piece in merkle.pieces(merkle.append(Range(0), leaves)):
        row = rows.get((piece.level, piece.n), b"")
        assert len(row) == 32 * piece.offset
        rows[piece.level, piece.n] = row + piece.hashes
    return rows


ROWS = rows_of(LEAVES)


def read(level: int, n: int) -> bytes:
    return ROWS[level, n]


def test_the_well_known_roots() -> None:
    leaves = [merkle.leaf_hash(leaf) for leaf in WELL_KNOWN_LEAVES]
    for size, expected in enumerate(WELL_KNOWN_ROOTS):
        grown = merkle.append(Range(0), leaves[:size])
        assert merkle.root(grown.range).hex() == expected
    assert WELL_KNOWN_ROOTS[0] == merkle.EMPTY_ROOT.hex()


def test_roots_of_every_size_are_those_of_the_naive_tree() -> None:
    compact = Range(0)
    for size in range(1, 300):
        compact = merkle.append(compact, [LEAVES[size - 1]]).range
        assert merkle.root(compact) == naive_root(0, size) == merkle.range_hash(read, 0, size)


def test_the_hash_of_any_range_is_that_of_the_naive_tree() -> None:
    for lo in range(40):
        for hi in range(lo + 1, 41):
            assert merkle.range_hash(read, lo, hi) == naive_root(lo, hi)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_a_tree_grows_to_the_same_rows_whatever_the_batches(batches: list[int]) -> None:
    compact, rows = Range(0), dict[tuple[int, int], bytes]()
    for batch in batches:
        grown = merkle.append(compact, LEAVES[compact.size : compact.size + batch])
        for piece in merkle.pieces(grown):
            row = rows.get((piece.level, piece.n), b"")
            assert len(row) == 32 * piece.offset  # the compare-and-set of a row
            rows[piece.level, piece.n] = row + piece.hashes
        compact = grown.range
    assert rows == rows_of(LEAVES[: compact.size])
    assert merkle.root(compact) == naive_root(0, compact.size)


def test_every_256th_merge_is_a_hash_of_a_higher_tile() -> None:
    many = [sha256(number.to_bytes(4, "big")).digest() for number in range(70_000)]
    rows = rows_of(many)
    assert len(rows[0, 272]) == 8192
    assert len(rows[0, 273]) == 32 * 112
    assert len(rows[1, 0]) == 8192
    assert len(rows[1, 1]) == 32 * 17
    assert len(rows[2, 0]) == 32
    assert (0, 274) not in rows
    assert (1, 2) not in rows
    assert rows[2, 0] == merkle.fold(rows[1, 0])
    assert rows[1, 1][32:64] == merkle.fold(rows[0, 257])


def test_rows_start_where_the_tree_had_ended() -> None:
    before = merkle.append(Range(0), LEAVES[:300]).range
    grown = merkle.append(before, LEAVES[300:600])
    assert grown.rows[0] == (300, b"".join(LEAVES[300:600]))
    assert grown.rows[1] == (1, naive_root(256, 512))
    assert set(grown.rows) == {0, 1}


def test_nothing_appended_changes_nothing() -> None:
    before = merkle.append(Range(0), LEAVES[:5]).range
    grown = merkle.append(before, [])
    assert (grown.range, dict(grown.rows), merkle.pieces(grown)) == (before, {}, [])


def test_a_compact_range_is_stored_as_its_hashes() -> None:
    compact = merkle.append(Range(0), LEAVES[:7]).range
    raw = merkle.encode_range(compact)
    assert len(raw) == 96
    assert merkle.read_range(7, raw) == compact


@pytest.mark.parametrize(
    ("size", "raw"),
    [(7, bytes(64)), (7, bytes(95)), (0, bytes(32)), (8, b""), (-1, b""), (-1, bytes(32))],
)
def test_a_range_of_another_size_is_refused(size: int, raw: bytes) -> None:
    with pytest.raises(Malformed):
        merkle.read_range(size, raw)


def test_a_range_holds_hashes_of_32_bytes() -> None:
    with pytest.raises(Malformed):
        Range(1, (bytes(31),))


@pytest.mark.parametrize("size", [*range(1, 66), *BORDERS])
def test_every_inclusion_path_is_that_of_the_naive_tree_and_verifies(size: int) -> None:
    root = naive_root(0, size)
    for index in range(0, size, 1 if size < 200 else 37):
        path = merkle.inclusion_path(read, index, size)
        assert list(path) == naive_inclusion(index, 0, size)
        merkle.verify_inclusion(LEAVES[index], index, size, path, root)


@pytest.mark.parametrize("size", [*range(1, 66), *BORDERS])
def test_every_consistency_path_is_that_of_the_naive_tree_and_verifies(size: int) -> None:
    for old in range(1, size + 1, 1 if size < 200 else 37):
        path = merkle.consistency_path(read, old, size)
        assert list(path) == naive_consistency(old, 0, size)
        merkle.verify_consistency(old, size, path, naive_root(0, old), naive_root(0, size))


@given(st.integers(1, MANY), st.data())
def test_a_path_is_built_from_the_tiles_that_are_named_before(
    size: int, data: st.DataObject
) -> None:
    asked: set[tuple[int, int]] = set()

    def noting(level: int, n: int) -> bytes:
        asked.add((level, n))
        return ROWS[level, n]

    index = data.draw(st.integers(0, size - 1))
    merkle.inclusion_path(noting, index, size)
    assert asked == merkle.tiles_for_inclusion(index, size)
    asked.clear()
    merkle.consistency_path(noting, index + 1, size)
    assert asked == merkle.tiles_for_consistency(index + 1, size)


def test_a_proof_in_a_log_of_a_million_has_20_hashes() -> None:
    assert len(merkle.tiles_for_inclusion(123_456, 1_000_000)) <= 20
    ranges = merkle._inclusion_ranges(123_456, 1_000_000)
    assert len(ranges) == 20
    assert len(merkle._consistency_ranges(123_457, 1_000_000)) <= 21


def test_a_row_that_is_too_short_is_no_tile() -> None:
    with pytest.raises(LogInvalid) as refused:
        merkle.range_hash(lambda _level, _n: LEAVES[0], 0, 2)
    assert refused.value.what == "tile-short"


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_there_is_no_path_to_an_entry_outside(index: int, size: int) -> None:
    with pytest.raises(Malformed):
        merkle.inclusion_path(read, index, size)
    with pytest.raises(LogInvalid):
        merkle.verify_inclusion(LEAVES[0], index, size, (), naive_root(0, max(size, 1)))


def test_an_index_outside_is_refused_also_where_the_hashes_fit() -> None:
    """The path of entry 1 leads to the root of both; a tree of one entry has no entry 1."""
    with pytest.raises(LogInvalid):
        merkle.verify_inclusion(LEAVES[1], 1, 1, (LEAVES[0],), naive_root(0, 2))
    root = merkle.node(LEAVES[2], merkle.node(LEAVES[1], LEAVES[0]))
    with pytest.raises(LogInvalid):
        merkle.verify_inclusion(LEAVES[0], -1, 1, (LEAVES[1], LEAVES[2]), root)


def test_a_proof_longer_than_its_tree_is_refused_also_where_the_hashes_fit() -> None:
    more = (*merkle.consistency_path(read, 3, 4), LEAVES[9])
    before, after = (merkle.node(LEAVES[9], naive_root(0, size)) for size in (3, 4))
    with pytest.raises(LogInvalid):
        merkle.verify_consistency(3, 4, more, before, after)


@pytest.mark.parametrize(("old", "size"), [(0, 5), (6, 5), (0, 0), (-1, 5)])
def test_there_is_no_proof_from_an_empty_or_larger_tree(old: int, size: int) -> None:
    with pytest.raises(Malformed):
        merkle.consistency_path(read, old, size)
    root = naive_root(0, size)
    with pytest.raises(LogInvalid) as refused:
        merkle.verify_consistency(old, size, (), root, root)
    assert refused.value.what == "consistency"


@pytest.mark.parametrize(("index", "size"), [(0, 1), (2, 3), (5, 8), (6, 7), (300, 1000)])
def test_every_changed_inclusion_proof_is_refused(index: int, size: int) -> None:
    root = naive_root(0, size)
    path = merkle.inclusion_path(read, index, size)

    def refused(leaf: bytes, index: int, size: int, path: tuple[bytes, ...], root: bytes) -> None:
        with pytest.raises(LogInvalid) as invalid:
            merkle.verify_inclusion(leaf, index, size, path, root)
        assert invalid.value.what == "inclusion"

    refused(LEAVES[index + 1], index, size, path, root)
    refused(LEAVES[index], index, size, path, naive_root(0, size + 1))
    refused(LEAVES[index], index, size, (*path, root), root)
    refused(LEAVES[index], index, size, (root, *path), root)
    for other in (index - 1, index + 1, index ^ 2):
        if other != index:
            refused(LEAVES[index], other, size, path, root)
    for at in range(len(path)):
        flipped = bytes([path[at][0] ^ 8]) + path[at][1:]
        refused(LEAVES[index], index, size, (*path[:at], flipped, *path[at + 1 :]), root)
        refused(LEAVES[index], index, size, (*path[:at], *path[at + 1 :]), root)


@pytest.mark.parametrize(
    ("old", "size"), [(1, 1), (1, 8), (6, 8), (2, 5), (6, 7), (4, 8), (256, 1000)]
)
def test_every_changed_consistency_proof_is_refused(old: int, size: int) -> None:
    before, after = naive_root(0, old), naive_root(0, size)
    path = merkle.consistency_path(read, old, size)

    def refused(old: int, size: int, path: tuple[bytes, ...], one: bytes, two: bytes) -> None:
        with pytest.raises(LogInvalid) as invalid:
            merkle.verify_consistency(old, size, path, one, two)
        assert invalid.value.what == "consistency"

    foreign = sha256(b"another tree").digest()
    refused(old, size, path, foreign, after)
    refused(old, size, path, before, foreign)
    refused(old, size, (*path, after), before, after)
    refused(old, size, (foreign, *path), before, after)
    if old < size:
        refused(old, size, (), before, after)
        refused(old, size, path, after, before)
        refused(size, size, path, before, after)
        refused(old, size * 2, path, before, after)
        refused(old ^ 2, size, path, before, after)
    for at in range(len(path)):
        flipped = bytes([path[at][0] ^ 16]) + path[at][1:]
        refused(old, size, (*path[:at], flipped, *path[at + 1 :]), before, after)
        refused(old, size, (*path[:at], *path[at + 1 :]), before, after)


def test_trees_of_one_size_are_consistent_when_they_are_the_same() -> None:
    merkle.verify_consistency(3, 3, (), naive_root(0, 3), naive_root(0, 3))
    with pytest.raises(LogInvalid):
        merkle.verify_consistency(3, 3, (), naive_root(0, 3), naive_root(0, 4))
    with pytest.raises(LogInvalid):
        merkle.verify_consistency(3, 3, (LEAVES[0],), naive_root(0, 3), naive_root(0, 3))


@pytest.mark.parametrize("short", [bytes(31), bytes(33), b""])
def test_hashes_of_other_sizes_are_no_hashes(short: bytes) -> None:
    with pytest.raises(Malformed):
        merkle.verify_inclusion(short, 0, 1, (), short)
    with pytest.raises(Malformed):
        merkle.verify_consistency(1, 2, (short,), LEAVES[0], naive_root(0, 2))


def test_a_hash_cut_in_two_is_no_row_of_hashes() -> None:
    assert merkle.split_hashes(LEAVES[0] + LEAVES[1]) == (LEAVES[0], LEAVES[1])
    with pytest.raises(Malformed):
        merkle.split_hashes(bytes(63))
