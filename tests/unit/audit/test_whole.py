"""exchange.audit.whole: every damage to a log is found, and named where it lies."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import pytest

from exchange.audit import merkle, tiles
from exchange.audit.checkpoint import Checkpoint
from exchange.audit.tiles import Bundle, Tile
from exchange.audit.whole import Audit, check_roots, parts_of
from exchange.errors import LogInvalid, Malformed
from tests.logs import ORIGIN, Log, random_leaves

BORDERS = [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537]
LEAVES = random_leaves(65_537 + 600)
PARTS = dict[Bundle | Tile, bytes]


def parts(leaves: Sequence[bytes]) -> PARTS:
    """Return every part of an honest log."""
    log = Log(leaves)
    return {
        part: (
            tiles.encode_bundle(leaves[256 * part.n : 256 * part.n + part.width])
            if isinstance(part, Bundle)
            else log.row(part.level, part.n)[: 32 * part.width]
        )
        for part in parts_of(len(leaves))
    }


def roots(size: int, given: PARTS, at: Sequence[int] = ()) -> dict[int, bytes]:
    audit = Audit(size, at=at)
    for part in parts_of(size):
        audit.feed(part, given[part])
    return dict(audit.roots())


@pytest.mark.parametrize("size", BORDERS)
def test_a_whole_log_leads_to_its_root_and_to_every_older_one(size: int) -> None:
    log = Log(LEAVES[:size])
    older = [old for old in (0, 1, 2, 255, 256, 257, 300, 512, size - 1) if 0 <= old <= size]
    found = roots(size, parts(log.leaves), older)
    assert found == {old: log.root(old) for old in [*older, size]}


@pytest.mark.parametrize("size", BORDERS)
def test_an_audit_takes_every_tile_and_bundle_there_is(size: int) -> None:
    assert sorted(map(repr, parts_of(size))) == sorted(
        [*map(repr, tiles.tiles_of(size)), *map(repr, tiles.bundles_of(size))]
    )


def test_an_audit_hands_on_the_entries() -> None:
    audit = Audit(300)
    given = parts(LEAVES[:300])
    entries = [entry for part in parts_of(300) for entry in audit.feed(part, given[part])]
    assert entries == LEAVES[:300]


SIZE = 66_000
HONEST = parts(LEAVES[:SIZE])


def damaged(part: Bundle | Tile, change: Callable[[bytes], bytes]) -> LogInvalid:
    """Audit a log up to the first part that does not fit."""
    with pytest.raises(LogInvalid) as refused:
        roots(SIZE, {**HONEST, part: change(HONEST[part])})
    return refused.value


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


@pytest.mark.parametrize("bundle", [Bundle(0), Bundle(3), Bundle(257, 208)])
@pytest.mark.parametrize("at", [0, 5, 207])
def test_a_changed_entry_is_named(bundle: Bundle, at: int) -> None:
    found = damaged(bundle, flip(51 * at + 30))
    assert (found.what, found.span) == ("leaf", (256 * bundle.n + at, 256 * bundle.n + at))


@pytest.mark.parametrize("bundle", [Bundle(3), Bundle(257, 208)])
def test_a_bundle_with_another_length_is_named(bundle: Bundle) -> None:
    first = 256 * bundle.n
    assert damaged(bundle, flip(51 * 7 + 1)).span == (first + 7, first + 7)
    cut = damaged(bundle, lambda raw: raw[:-1])
    last = first + bundle.width - 1
    assert (cut.what, cut.span) == ("bundle", (last, last))
    assert damaged(bundle, lambda raw: raw + raw[:51]).span == (last, last)


@pytest.mark.parametrize("version", [0, 3, 255])
def test_an_unknown_version_is_named(version: int) -> None:
    found = damaged(Bundle(3), lambda raw: raw[: 51 * 9 + 2] + bytes([version]) + raw[51 * 9 + 3 :])
    assert (found.what, found.span) == ("version", (777, 777))


def test_documents_are_entries_too() -> None:
    leaves = [b"\x02" + LEAVES[0][1:], LEAVES[1]]
    assert roots(2, parts(leaves))[2] == Log(leaves).root()


@pytest.mark.parametrize(
    ("tile", "at", "span"),
    [
        (Tile(0, 0), 0, (0, 0)),
        (Tile(0, 3), 9, (777, 777)),
        (Tile(0, 257, 208), 207, (65_999, 65_999)),
        (Tile(1, 0), 3, (768, 1023)),
        (Tile(1, 0), 255, (65_280, 65_535)),
        (Tile(1, 1, 1), 0, (65_536, 65_791)),
        (Tile(2, 0, 1), 0, (0, 65_535)),
    ],
)
def test_a_changed_tile_is_named_by_the_entries_below_it(
    tile: Tile, at: int, span: tuple[int, int]
) -> None:
    found = damaged(tile, flip(32 * at + 5))
    assert (found.what, found.span) == ("tile" if tile.level else "leaf", span)


@pytest.mark.parametrize("tile", [Tile(0, 3), Tile(0, 257, 208), Tile(1, 0)])
def test_a_tile_that_is_cut_or_too_long_is_refused(tile: Tile) -> None:
    spanned = 256**tile.level
    last = (256 * tile.n + tile.width - 1) * spanned
    assert damaged(tile, lambda raw: raw[:-32]).span == (last, last + spanned - 1)
    assert damaged(tile, lambda raw: raw[:-1]).span == (last, last + spanned - 1)
    assert damaged(tile, lambda raw: raw + raw[:32]).span
    assert damaged(tile, lambda _raw: b"").span == (
        256 * tile.n * spanned,
        256 * tile.n * spanned + spanned - 1,
    )


def forged(size: int, index: int, *, levels: int) -> PARTS:
    """Return a log whose entry `index` was changed, with its hashes up to a level of tiles."""
    leaves = [*LEAVES[:size]]
    leaves[index] = b"\x01" + sha256(b"forged").digest() + bytes(16)
    honest, changed = parts(LEAVES[:size]), parts(leaves)
    return {
        part: changed[part] if isinstance(part, Bundle) or part.level < levels else honest[part]
        for part in honest
    }


def test_an_entry_forged_with_its_hash_in_a_full_tile_is_found_above_it() -> None:
    """What a reader of tiles that believed a full tile would accept (CVE-2026-56865)."""
    with pytest.raises(LogInvalid) as refused:
        roots(SIZE, forged(SIZE, 777, levels=1))
    assert (refused.value.what, refused.value.span) == ("tile", (768, 1023))


def test_forged_one_level_further_it_is_found_one_level_further() -> None:
    with pytest.raises(LogInvalid) as refused:
        roots(SIZE, forged(SIZE, 777, levels=2))
    assert (refused.value.what, refused.value.span) == ("tile", (0, 65_535))


def test_forged_up_to_the_top_the_signed_root_convicts_it_and_old_heads_narrow_it() -> None:
    honest = Log(LEAVES[:SIZE])
    heads = [Checkpoint(ORIGIN, size, honest.root(size)) for size in (700, 1000, 5000, SIZE)]
    found = roots(SIZE, forged(SIZE, 777, levels=3), [head.size for head in heads])
    with pytest.raises(LogInvalid) as refused:
        check_roots(found, heads)
    assert (refused.value.what, refused.value.span) == ("root", (700, 999))
    with pytest.raises(LogInvalid) as refused:
        check_roots(found, heads[-1:])
    assert refused.value.span == (0, SIZE - 1)


@pytest.mark.parametrize("size", [300, 256, 5])
@pytest.mark.parametrize("change", ["dropped", "inserted", "swapped"])
def test_entries_dropped_inserted_or_swapped_lead_to_another_root(size: int, change: str) -> None:
    leaves = [*LEAVES[:size]]
    if change == "dropped":
        leaves = [*leaves[:2], *leaves[3:], LEAVES[size]]
    elif change == "inserted":
        leaves = [*leaves[:2], LEAVES[size], *leaves[2:-1]]
    else:
        leaves[2], leaves[3] = leaves[3], leaves[2]
    heads = [Checkpoint(ORIGIN, at, Log(LEAVES[:at]).root()) for at in (2, size)]
    with pytest.raises(LogInvalid) as refused:
        check_roots(roots(size, parts(leaves), [2]), heads)
    assert refused.value.span == (2, size - 1)


def test_heads_that_agree_are_accepted_in_any_order() -> None:
    log = Log(LEAVES[:300])
    heads = [Checkpoint(ORIGIN, size, log.root(size)) for size in (300, 0, 7)]
    check_roots(roots(300, parts(log.leaves), [0, 7]), heads)


def test_an_audit_takes_every_part_in_its_order() -> None:
    given = parts(LEAVES[:300])
    with pytest.raises(Malformed, match="order"):
        Audit(300).feed(Tile(0, 0), given[Tile(0, 0)])
    audit = Audit(300)
    for part in list(parts_of(300))[:-1]:
        audit.feed(part, given[part])
    with pytest.raises(Malformed, match="every part"):
        audit.roots()
    audit = Audit(0)
    audit.roots()
    with pytest.raises(Malformed, match="order"):
        audit.feed(Bundle(0), b"")


@pytest.mark.parametrize("older", [-1, 6])
def test_older_sizes_are_not_larger_than_the_log(older: int) -> None:
    with pytest.raises(Malformed):
        Audit(5, at=[older])


def test_a_log_of_another_kind_has_entries_of_any_length() -> None:
    entries = [b"", b"one", b"two" * 100]
    raw = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    audit = Audit(3, any_length=True)
    assert audit.feed(Bundle(0, 3), raw) == entries
    audit.feed(Tile(0, 0, 3), b"".join(hashes))
    assert audit.roots()[3] == merkle.root(merkle.append(merkle.Range(0), hashes).range)
    with pytest.raises(LogInvalid) as refused:
        Audit(3, any_length=True).feed(Bundle(0, 3), raw + b"\x00")
    assert refused.value.span == (2, 2)
