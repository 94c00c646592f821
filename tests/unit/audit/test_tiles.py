"""exchange.audit.tiles: names, widths and bytes of tiles and bundles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit import tiles
from exchange.audit.tiles import Bundle, Tile
from exchange.errors import LogInvalid, Malformed
from tests.logs import random_leaves

LEAVES = random_leaves(256)
NAMES = [
    ("0/000", Tile(0, 0)),
    ("0/x001/x234/067", Tile(0, 1234067)),
    ("0/273.p/112", Tile(0, 273, 112)),
    ("1/000.p/1", Tile(1, 0, 1)),
    ("63/999.p/255", Tile(63, 999, 255)),
    ("2/x001/000", Tile(2, 1000)),
    ("entries/000", Bundle(0)),
    ("entries/x001/x234/067.p/9", Bundle(1234067, 9)),
]


@pytest.mark.parametrize(("name", "part"), NAMES)
def test_names_there_and_back(name: str, part: Tile | Bundle) -> None:
    assert tiles.read_path(name) == part
    assert tiles.path_of(part) == f"tile/{name}"


@given(st.integers(1, 2**40))
def test_a_tile_in_a_tree_is_the_one_its_tree_names(size: int) -> None:
    height = (size.bit_length() + 7) // 8
    for level in range(height):
        hashes = size >> 8 * level
        last = (hashes - 1) // 256
        assert tiles.tile_in(size, level, last).width == hashes - 256 * last
        if last:
            assert tiles.tile_in(size, level, last - 1) == Tile(level, last - 1)


@given(st.integers(0, 63), st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_every_tile_has_one_name(level: int, n: int, width: int) -> None:
    tile, bundle = Tile(level, n, width), Bundle(n, width)
    assert tiles.read_path(tiles.tile_path(tile).removeprefix("tile/")) == tile
    assert tiles.read_path(tiles.bundle_path(bundle).removeprefix("tile/")) == bundle


@pytest.mark.parametrize(
    "name",
    [
        "",
        "0",
        "0/",
        "0/0",
        "0/00",
        "0/0000",
        "00/000",
        "01/000",
        "64/000",
        "-1/000",
        "0/000/",
        "/0/000",
        "0/x000/000",
        "0/x001",
        "0/001/000",
        "0/X001/000",
        "0/x01/000",
        "0/x001/x000",
        "0/000.p/0",
        "0/000.p/01",
        "0/000.p/256",
        "0/000.p/999",
        "0/000.p/",
        "0/000.p/-1",
        "0/000.P/1",
        "0/000.p/1/",
        "0/000\n",
        "0/000.p/1\n",
        "0/00\u0660",
        "\u0660/000",
        "entries/0",
        "entries",
        "entries/x000/001",
        "Entries/000",
        "../000",
        "0/../000",
        "0//000",
        "0/x009/x223/x372/x036/x854/x775/808",
    ],
)
def test_no_other_spelling_is_a_name(name: str) -> None:
    with pytest.raises(Malformed):
        tiles.read_path(name)


@pytest.mark.parametrize(
    ("level", "n", "width"),
    [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**63, 1), (0, 0, 0), (0, 0, 257)],
)
def test_there_is_no_such_tile(level: int, n: int, width: int) -> None:
    with pytest.raises(Malformed):
        Tile(level, n, width)


def test_widths_of_the_last_tiles() -> None:
    assert [tiles.width_at(70_000, level) for level in range(4)] == [112, 17, 1, 0]
    assert [tiles.width_at(256, level) for level in range(3)] == [0, 1, 0]


def test_tiles_of_a_log() -> None:
    found = list(tiles.tiles_of(70_000))
    assert found[:2] == [Tile(0, 0), Tile(0, 1)]
    assert found[272:] == [
        *(Tile(0, 272), Tile(0, 273, 112)),
        *(Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)),
    ]
    assert list(tiles.tiles_of(0)) == []
    assert list(tiles.tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]


def test_bundles_of_a_log() -> None:
    assert list(tiles.bundles_of(0)) == []
    assert list(tiles.bundles_of(512)) == [Bundle(0), Bundle(1)]
    assert list(tiles.bundles_of(513)) == [Bundle(0), Bundle(1), Bundle(2, 1)]


@pytest.mark.parametrize("count", [1, 2, 255, 256])
def test_a_bundle_holds_each_entry_behind_its_length(count: int) -> None:
    raw = tiles.encode_bundle(LEAVES[:count])
    assert len(raw) == 51 * count
    assert raw[:2] == b"\x00\x31"
    assert tiles.read_bundle(raw, count) == LEAVES[:count]
    assert tiles.read_bundle(raw, count, any_length=True) == LEAVES[:count]


@pytest.mark.parametrize("leaves", [[bytes(48)], [bytes(50)], [*LEAVES, LEAVES[0]]])
def test_only_leaves_are_bundled(leaves: list[bytes]) -> None:
    with pytest.raises(Malformed):
        tiles.encode_bundle(leaves)


RAW = tiles.encode_bundle(LEAVES[:3])


@pytest.mark.parametrize(
    ("raw", "count", "at"),
    [
        (RAW[:-1], 3, 2),  # cut within the last entry
        (RAW[:-51], 3, 2),  # an entry is missing
        (RAW[:1], 3, 0),
        (b"", 1, 0),
        (RAW + RAW[:51], 3, 2),  # one entry too many
        (RAW + b"\x00", 3, 2),
        (RAW[:51] + b"\x01" + RAW[52:], 3, 1),  # another length, high byte
        (RAW[:52] + b"\x30" + RAW[53:], 3, 1),  # low byte
    ],
)
def test_a_bundle_with_other_lengths_is_refused_at_its_entry(
    raw: bytes, count: int, at: int
) -> None:
    with pytest.raises(LogInvalid) as refused:
        tiles.read_bundle(raw, count)
    assert (refused.value.what, refused.value.span) == ("bundle", (at, at))


@pytest.mark.parametrize(
    ("raw", "count", "at"),
    [(b"\x00\x01a\x00\x02b", 2, 1), (b"\x00\x01a\x00", 2, 1), (b"\x00\x01ab", 1, 0), (b"", 1, 0)],
)
def test_a_foreign_bundle_is_refused_at_its_entry(raw: bytes, count: int, at: int) -> None:
    with pytest.raises(LogInvalid) as refused:
        tiles.read_bundle(raw, count, any_length=True)
    assert (refused.value.what, refused.value.span) == ("bundle", (at, at))


def test_entries_of_other_logs_have_any_length() -> None:
    assert tiles.read_bundle(b"\x00\x00\x00\x02ab", 2, any_length=True) == [b"", b"ab"]
    with pytest.raises(LogInvalid):
        tiles.read_bundle(b"\x00\x00\x00\x02ab", 2)


def test_a_full_tile_or_bundle_stands_for_a_partial_one() -> None:
    full = bytes(range(256)) * 32
    assert tiles.cut(Tile(0, 0, 3), full) == full[:96]
    assert tiles.cut(Tile(0, 0), full) == full
    bundle = tiles.encode_bundle(LEAVES)
    assert tiles.cut(Bundle(0, 3), bundle) == RAW
    assert tiles.cut(Bundle(0), bundle) == bundle
    with pytest.raises(LogInvalid):
        tiles.cut(Bundle(0, 4), RAW)
