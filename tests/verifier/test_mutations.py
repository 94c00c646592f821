"""What a liar could do to a log, one lie per test: each is found, and named, by its own line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.audit.checkpoint import Checkpoint, write_checkpoint
from exchange.audit.merkle import Range, append, leaf_hash, pieces
from exchange.audit.note import COSIGNATURE, Note, SigningKey, read_note, sign, write_note
from exchange.audit.opening import document_opening, write_opening
from exchange.audit.proof import Receipt, write_receipt
from exchange.audit.tiles import Bundle, bundle_path, encode_bundle, tile_path, tiles_of
from tests.logs import LOG_KEY, ORIGIN, WITNESS_KEY, Log, Verify, policy, put, random_leaves

SIZE = 70_000
"""Two levels of full tiles, a partial one on each of the four."""
BROKEN = 66_000
"""An entry under full tiles of level 0 and a partial one of level 1."""
DEEP = 300
"""An entry under full tiles of levels 0 and 1, and a partial one of level 2."""


@pytest.fixture(scope="module")
def honest() -> Log:
    return Log(random_leaves(SIZE), witnesses=(WITNESS_KEY,))


@pytest.fixture(scope="module")
def small() -> Log:
    return Log(random_leaves(700), witnesses=(WITNESS_KEY,))


def kept(log: Log, size: int, file: Path) -> Path:
    """Write the head a log had at a size into a file."""
    file.write_bytes(log.note(size))
    return file


def replaced(leaves: list[bytes], index: int) -> list[bytes]:
    """Return leaves of which one is another one."""
    return [*leaves[:index], b"\x01" + bytes(48), *leaves[index + 1 :]]


def forge_entry(folder: Path, log: Log, index: int) -> bytes:
    """Put another entry into a bundle, and return it."""
    n, at = divmod(index, 256)
    leaves = replaced(list(log.leaves[256 * n : 256 * n + 256]), at)
    width = "" if len(leaves) == 256 else f".p/{len(leaves)}"
    name = bundle_path_of(n) + width
    assert (folder / name).exists()
    put(folder, name, encode_bundle(leaves))
    return leaves[at]


def bundle_path_of(n: int) -> str:
    """Return the path of a full bundle."""
    return bundle_path(Bundle(n))


def flip(folder: Path, name: str, at: int) -> None:
    """Flip one bit of one byte of a file."""
    data = bytearray((folder / name).read_bytes())
    data[at] ^= 1
    put(folder, name, bytes(data))


def test_an_honest_log_is_good(honest: Log, tmp_path: Path, verify: Verify) -> None:
    honest.write(tmp_path / "log")
    old = kept(honest, 40_000, tmp_path / "old")

    assert verify(tmp_path / "log", "--old", old, "--max-age", "9000d") == (0, {})


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513])
def test_an_honest_log_is_good_at_every_border_of_a_tile(
    size: int, tmp_path: Path, verify: Verify
) -> None:
    log = Log(random_leaves(size), witnesses=(WITNESS_KEY,))
    log.write(tmp_path / "log")

    for old in {1, size // 2, size} - {0}:
        at = kept(log, old, tmp_path / f"old-{old}")
        assert verify(tmp_path / "log", "--old", at) == (0, {})


def test_an_edited_entry_is_named(honest: Log, tmp_path: Path, verify: Verify) -> None:
    folder = honest.write(tmp_path / "log")
    forge_entry(folder, honest, BROKEN)

    ended, found = verify(folder)

    assert ended == 1
    assert found["entries"]["span"] == [BROKEN, BROKEN]


def test_an_entry_forged_with_its_hash_in_a_full_tile_names_its_256(
    honest: Log, tmp_path: Path, verify: Verify
) -> None:
    folder = honest.write(tmp_path / "log")
    forged = forge_entry(folder, honest, DEEP)
    row = bytearray(honest.row(0, 1))
    row[32 * (DEEP - 256) : 32 * (DEEP - 255)] = leaf_hash(forged)
    put(folder, "tile/0/001", bytes(row))

    ended, found = verify(folder)

    assert ended == 1
    assert found["entries"]["span"] == [256, 511]


def test_an_entry_forged_up_to_level_one_names_its_part_of_the_log(
    honest: Log, tmp_path: Path, verify: Verify
) -> None:
    folder = honest.write(tmp_path / "log")
    forge_entry(folder, honest, DEEP)
    liar = Log(replaced(list(honest.leaves), DEEP))
    put(folder, "tile/0/001", liar.row(0, 1))
    put(folder, "tile/1/000", liar.row(1, 0))

    ended, found = verify(folder)

    assert ended == 1
    assert found["entries"]["span"] == [0, 65_535]


def test_an_entry_forged_up_to_the_root_names_the_span_between_two_old_heads(
    honest: Log, tmp_path: Path, verify: Verify
) -> None:
    """Every tile agrees: only the signatures do not."""
    folder = honest.write(tmp_path / "log")
    liar = Log(replaced(list(honest.leaves), BROKEN))
    for tile in tiles_of(SIZE):
        put(folder, tile_path(tile), liar.row(tile.level, tile.n)[: 32 * tile.width])
    forge_entry(folder, honest, BROKEN)
    before = kept(honest, 65_000, tmp_path / "before")
    after = kept(honest, 67_000, tmp_path / "after")

    ended, found = verify(folder, "--old", before, "--old", after)

    assert ended == 1
    assert found["entries"]["span"] == [65_000, 66_999]


def test_another_copy_names_the_entry_that_no_tile_betrays(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    liar = Log(replaced(list(small.leaves), 333), witnesses=small.witnesses)
    grown = Log([*small.leaves, *random_leaves(55, "more")], witnesses=small.witnesses)

    ended, found = verify(
        liar.write(tmp_path / "liar"), "--against", grown.write(tmp_path / "mirror")
    )

    assert ended == 1
    assert found["against"]["span"] == [333, 333]


def test_another_copy_that_says_the_same_is_good(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    grown = Log([*small.leaves, *random_leaves(55, "more")], witnesses=small.witnesses)
    folder, mirror = small.write(tmp_path / "log"), grown.write(tmp_path / "mirror")

    assert verify(folder, "--against", mirror) == (0, {})
    assert verify(mirror, "--against", folder) == (0, {})


@pytest.mark.parametrize(
    ("change", "first"),
    [
        pytest.param(lambda leaves: [*leaves[:400], *leaves[401:], leaves[0]], 400, id="dropped"),
        pytest.param(
            lambda leaves: [*leaves[:400], b"\x01" + bytes(48), *leaves[400:-1]], 400, id="inserted"
        ),
        pytest.param(
            lambda leaves: [*leaves[:400], leaves[401], leaves[400], *leaves[402:]],
            400,
            id="swapped",
        ),
    ],
)
def test_an_entry_dropped_inserted_or_swapped_is_named(
    change: Callable[[list[bytes]], list[bytes]],
    first: int,
    small: Log,
    tmp_path: Path,
    verify: Verify,
) -> None:
    """In the bundles alone; with the tiles along it is another tree, which the root betrays."""
    folder = small.write(tmp_path / "log")
    changed = change(list(small.leaves))
    for n in range(3):
        part = changed[256 * n : 256 * n + 256]
        put(folder, bundle_path_of(n) + ("" if len(part) == 256 else ".p/188"), encode_bundle(part))
    ended, found = verify(folder)
    assert ended == 1
    assert found["entries"]["span"] == [first, first]

    liar = Log(changed).write(tmp_path / "tree")
    put(liar, "checkpoint", small.note())
    ended, found = verify(liar)
    assert ended == 1
    assert found["entries"]["span"] == [0, 699]


def test_a_truncated_log_lacks_what_its_head_promises(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    folder = Log(small.leaves[:600]).write(tmp_path / "log")
    put(folder, "checkpoint", small.note())

    ended, found = verify(folder)

    assert ended == 1
    assert found["entries"]["span"] == [512, 699]
    assert "missing" in str(found["entries"]["said"])


def test_a_fork_is_a_split_view_of_equal_or_larger_size(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    fork = Log(replaced(list(small.leaves), 100), witnesses=small.witnesses)
    folder = fork.write(tmp_path / "fork")

    for size in (300, 700):
        ended, found = verify(folder, "--old", kept(small, size, tmp_path / "old"))
        assert ended == 1
        assert "split view" in str(found["append-only"]["said"])


def test_a_log_rolled_back_to_an_older_size_is_named(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    folder = Log(small.leaves[:650], witnesses=small.witnesses).write(tmp_path / "log")

    ended, found = verify(folder, "--old", kept(small, 700, tmp_path / "old"))

    assert ended == 1
    assert "rolled back" in str(found["append-only"]["said"])


def test_a_replayed_checkpoint_is_too_old(small: Log, tmp_path: Path, verify: Verify) -> None:
    """All its signatures are true; only a witness's time tells that it is not of today."""
    folder = small.write(tmp_path / "log")

    ended, found = verify(folder, "--max-age", "1h")

    assert ended == 1
    assert list(found) == ["age"]


def test_an_age_is_not_told_by_the_log_alone(small: Log, tmp_path: Path, verify: Verify) -> None:
    folder = Log(small.leaves).write(tmp_path / "log")

    ended, found = verify(folder, "--max-age", "1h")

    assert ended == 1
    assert {name: one["outcome"] for name, one in found.items()} == {
        "quorum": "broken",
        "age": "unchecked",
    }


@pytest.mark.parametrize(("at", "asked"), [(2**62, ()), (2**37, ("--max-age", "1h"))])
def test_a_cosignature_of_the_future_makes_no_head_fresh(
    at: int, asked: tuple[str, ...], small: Log, tmp_path: Path, verify: Verify
) -> None:
    """A witness on the liar's side would make its old head look new for ever."""
    folder = replace(small, at=at).write(tmp_path / "log")

    ended, found = verify(folder, *asked)

    assert (ended, list(found)) == (1, ["age"])
    assert "ahead of this machine's clock" in str(found["age"]["said"])


def test_another_origin_under_the_key_of_the_log_is_refused(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    folder = Log(small.leaves, witnesses=small.witnesses, origin="hub.example/log/e2").write(
        tmp_path / "log"
    )

    ended, found = verify(folder)

    assert ended == 1
    assert "another log" in str(found["checkpoint"]["said"])


def test_a_foreign_log_key_is_refused(small: Log, tmp_path: Path, verify: Verify) -> None:
    thief = SigningKey(ORIGIN, 1, b"\x07" * 32)
    folder = Log(small.leaves, key=thief, witnesses=small.witnesses).write(tmp_path / "log")

    ended, found = verify(folder)

    assert ended == 1
    assert "no log of the policy" in str(found["checkpoint"]["said"])


def test_a_foreign_witness_is_no_quorum(small: Log, tmp_path: Path, verify: Verify) -> None:
    stranger = SigningKey(WITNESS_KEY.name, COSIGNATURE, b"\x08" * 32)
    folder = Log(small.leaves, witnesses=(stranger,)).write(tmp_path / "log")

    ended, found = verify(folder)

    assert ended == 1
    assert list(found) == ["quorum"]


def test_a_forged_cosignature_refuses_the_whole_head(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    """A true line of the true witness, over another head."""
    folder = small.write(tmp_path / "log")
    note, other = read_note(small.note()), read_note(small.note(600))
    put(folder, "checkpoint", write_note(Note(note.text, (note.lines[0], other.lines[1]))))

    ended, found = verify(folder)

    assert ended == 1
    assert "false" in str(found["checkpoint"]["said"])


def test_a_receipt_of_another_leaf_proves_nothing(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    topic, document = "policy", policy(WITNESS_KEY, quorum="w0")
    opening = document_opening(topic, document)
    receipt = Receipt(write_opening(opening), 5, small.path(5), small.note())
    file = tmp_path / "mine.tlog-proof"
    file.write_bytes(write_receipt(receipt))

    ended, found = verify(small.write(tmp_path / "log"), "--receipt", file)

    assert ended == 1
    assert "proves nothing" in str(found["receipt"]["said"])


FILES = [
    pytest.param("tile/entries/000", 1, [0, 255], id="length in a full bundle"),
    pytest.param("tile/entries/000", 2, [0, 0], id="version in a full bundle"),
    pytest.param("tile/entries/001", 51 * 7 + 20, [263, 263], id="full bundle"),
    pytest.param("tile/entries/002.p/188", 51 * 9 + 20, [521, 521], id="partial bundle"),
    pytest.param("tile/0/001", 32 * 7, [263, 263], id="full tile"),
    pytest.param("tile/0/002.p/188", 32 * 9, [521, 521], id="partial tile"),
    pytest.param("tile/1/000.p/2", 32, [256, 511], id="partial tile of level 1"),
]


@pytest.mark.parametrize(("name", "at", "span"), FILES)
def test_one_flipped_byte_of_entries_or_tiles_is_named(
    name: str, at: int, span: list[int], small: Log, tmp_path: Path, verify: Verify
) -> None:
    folder = small.write(tmp_path / "log")
    flip(folder, name, at)

    ended, found = verify(folder)

    assert ended == 1
    first, last = found["entries"]["span"]
    assert span[0] <= first <= last <= span[1]


@pytest.mark.parametrize(
    ("name", "span"),
    [
        ("tile/1/000", [0, 65_535]),
        ("tile/1/001.p/17", [65_536, 69_887]),
        ("tile/2/000.p/1", [0, 65_535]),
    ],
)
def test_one_flipped_byte_of_a_higher_tile_is_named(
    name: str, span: list[int], honest: Log, tmp_path: Path, verify: Verify
) -> None:
    folder = honest.write(tmp_path / "log")
    flip(folder, name, 3)

    ended, found = verify(folder)

    assert ended == 1
    first, last = found["entries"]["span"]
    assert span[0] <= first <= last <= span[1]


@pytest.mark.parametrize(
    ("name", "span"),
    [("tile/entries/001", [256, 511]), ("tile/0/001", [256, 511]), ("tile/1/000.p/2", [0, 511])],
)
def test_a_missing_or_cut_file_is_named(
    name: str, span: list[int], small: Log, tmp_path: Path, verify: Verify
) -> None:
    folder = small.write(tmp_path / "log")
    whole = (folder / name).read_bytes()
    for content in (whole[:-7], whole + b"\x00"):
        put(folder, name, content)
        ended, found = verify(folder)
        assert ended == 1
        first, last = found["entries"]["span"]
        assert span[0] <= first <= last <= span[1]
    (folder / name).unlink()
    ended, found = verify(folder)
    assert ended == 1
    assert found["entries"]["span"] == span


def test_one_flipped_byte_anywhere_in_the_checkpoint_is_refused(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    """Also in the time of the cosignature and in the names of the keys, which then are unknown."""
    folder = Log(small.leaves[:3], witnesses=small.witnesses).write(tmp_path / "log")
    note = (folder / "checkpoint").read_bytes()

    for at in range(len(note)):
        put(folder, "checkpoint", note)
        flip(folder, "checkpoint", at)
        ended, found = verify(folder)
        assert ended == 1, at
        assert {"checkpoint", "quorum"} & set(found), at


def text_of(head: bytes, old: bytes, new: bytes) -> bytes:
    """Return a note over another text, signed by the true log and witness key."""
    text = read_note(head).text.replace(old, new)
    return write_note(Note(text, (sign(text, LOG_KEY),)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"\n700\n", b"\n0700\n", id="a leading zero in the size"),
        pytest.param(b"\n700\n", b"\n+700\n", id="a sign before the size"),
        pytest.param(b"=\n", b"=\nextension\n", id="an extension line"),
        pytest.param(b"=\n", b"\n", id="no padding"),
        pytest.param(b"\n700\n", b"\n9223372036854775808\n", id="a size beyond 63 bits"),
    ],
)
def test_a_second_spelling_of_a_head_is_refused_though_signed(
    old: bytes, new: bytes, small: Log, tmp_path: Path, verify: Verify
) -> None:
    folder = small.write(tmp_path / "log")
    put(folder, "checkpoint", text_of(small.note(), old, new))

    ended, found = verify(folder)

    assert ended == 1
    assert "does not hold" in str(found["checkpoint"]["said"])


def test_unknown_lines_are_ignored_and_a_full_tile_stands_for_a_partial_one(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    """A log that has grown keeps full tiles only; its witnesses may be others' as well."""
    grown = Log(random_leaves(768), witnesses=small.witnesses)
    folder = grown.write(tmp_path / "log")
    stranger = SigningKey("witness.example/stranger", COSIGNATURE, b"\x09" * 32)
    put(folder, "checkpoint", Log(small.leaves, witnesses=(WITNESS_KEY, stranger)).note())
    (folder / "tile/1/000.p/3").unlink()
    row = pieces(append(Range(0), map(leaf_hash, grown.leaves[:512])))
    put(folder, "tile/1/000.p/2", next(one.hashes for one in row if one.level == 1))

    assert verify(folder) == (0, {})


def test_a_head_whose_size_is_another_is_not_the_root_of_the_entries(
    small: Log, tmp_path: Path, verify: Verify
) -> None:
    """The log's own key signs a size that is not the tree's: the entries decide."""
    folder = small.write(tmp_path / "log")
    text = write_checkpoint(Checkpoint(ORIGIN, 700, small.root(699)))
    note = Log(small.leaves, witnesses=small.witnesses).note(700, small.root(699))
    assert text in note
    put(folder, "checkpoint", note)

    ended, found = verify(folder)

    assert ended == 1
    assert found["entries"]["span"] == [0, 699]
