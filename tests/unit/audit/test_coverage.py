"""exchange.audit.coverage and spans: what is covered, what nobody covers, what nobody ever saw."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit.coverage import (
    Coverage,
    bitmap,
    never_seen,
    read_coverage,
    uncovered,
    unite,
    write_coverage,
)
from exchange.audit.spans import check_spans, spans_of
from exchange.errors import LogInvalid, Malformed

ORIGIN = "hub.example/log"
ROOT = bytes(range(32))
MINE = Coverage(ORIGIN, 11, ROOT, "women-b", bitmap(11, [(0, 2), (8, 8)]))
INDEXES = st.sets(st.integers(0, 80))


def test_a_file_there_and_back() -> None:
    raw = write_coverage(MINE)
    assert raw == (
        b'{"agency":"women-b","covered":"BwE","origin":"hub.example/log",'
        b'"root":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","size":11,"v":1}'
    )
    assert read_coverage(raw) == MINE


def test_a_million_entries_take_167_kilobytes() -> None:
    size = 1_000_000
    covered = bitmap(size, [(0, size - 1)])
    assert len(covered) == 125_000
    assert len(write_coverage(Coverage(ORIGIN, size, ROOT, "women-b", covered))) < 167_000
    assert uncovered(size, [covered]) == []


@given(INDEXES)
def test_spans_hold_exactly_their_indexes(indexes: set[int]) -> None:
    spans = spans_of(indexes)
    check_spans(spans)
    assert {one for first, last in spans for one in range(first, last + 1)} == indexes


@given(INDEXES, INDEXES, st.integers(0, 90))
def test_what_two_together_do_not_cover(one: set[int], two: set[int], size: int) -> None:
    maps = [
        bitmap(size, spans_of(index for index in covered if index < size)) for covered in (one, two)
    ]
    missing = set(range(size)) - one - two
    assert uncovered(size, maps) == list(spans_of(missing))


def test_three_agencies_together_cover_every_entry() -> None:
    files = [
        Coverage(ORIGIN, 11, ROOT, agency, bitmap(11, spans))
        for agency, spans in (
            ("women-b", [(0, 2), (8, 8)]),
            ("jobcentre-a", [(1, 4), (9, 10)]),
            ("archive-c", [(5, 7)]),
        )
    ]
    assert unite(files) == []
    assert unite(files[:2]) == [(5, 7)]
    assert unite(files[:1]) == [(3, 7), (9, 10)]


def test_an_entry_that_the_hub_added_for_nobody_is_named() -> None:
    covered = bitmap(1000, [(0, 776), (778, 999)])
    assert unite([Coverage(ORIGIN, 1000, ROOT, "women-b", covered)]) == [(777, 777)]


def test_files_of_different_sizes_unite_up_to_the_smaller() -> None:
    larger = Coverage(ORIGIN, 20, bytes(32), "jobcentre-a", bitmap(20, [(3, 7), (9, 19)]))
    assert unite([MINE, larger]) == []
    assert unite([MINE, replace(larger, covered=bitmap(20, [(11, 19)]))]) == [(3, 7), (9, 10)]


def test_files_about_different_logs_or_trees_do_not_unite() -> None:
    for other, what in (
        (replace(MINE, origin="other.example/log"), "coverage-origin"),
        (replace(MINE, root=bytes(32)), "split-view"),
    ):
        with pytest.raises(LogInvalid) as refused:
            unite([MINE, other])
        assert refused.value.what == what
    with pytest.raises(Malformed):
        unite([])


def test_an_empty_log_has_nothing_to_cover() -> None:
    assert unite([Coverage(ORIGIN, 0, ROOT, "women-b", b"")]) == []
    assert bitmap(0, []) == b""


@pytest.mark.parametrize(
    ("erased", "earlier", "unseen"),
    [
        ([(2, 5)], [[(0, 9)]], []),
        ([(2, 5)], [[(0, 3)]], [(4, 5)]),
        ([(2, 5)], [[(0, 3)], [(5, 9)]], [(4, 4)]),
        ([(2, 5), (8, 9)], [], [(2, 5), (8, 9)]),
        ([(2, 5), (8, 9)], [[(3, 8)]], [(2, 2), (9, 9)]),
        ([], [[(0, 3)]], []),
    ],
)
def test_a_tombstone_over_what_nobody_ever_saw_is_a_finding(
    erased: list[tuple[int, int]],
    earlier: list[list[tuple[int, int]]],
    unseen: list[tuple[int, int]],
) -> None:
    assert never_seen(erased, [bitmap(10, spans) for spans in earlier]) == unseen


@pytest.mark.parametrize("span", [(-1, 3), (3, 2), (3, 10)])
def test_a_span_that_leaves_the_log_covers_nothing(span: tuple[int, int]) -> None:
    with pytest.raises(Malformed):
        bitmap(10, [span])


@pytest.mark.parametrize(
    "wrong",
    [
        {"covered": b"\x07"},
        {"covered": bytes(3)},
        {"covered": b"\x07\x09"},  # a bit behind the last entry
        {"root": bytes(31)},
        {"size": -1, "covered": b""},
        {"origin": ""},
        {"agency": "Women B"},
    ],
)
def test_coverage_is_of_one_log_and_one_size(wrong: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        replace(MINE, **wrong)  # type: ignore[arg-type]


RAW = write_coverage(MINE)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        RAW.replace(b'"v":1', b'"v":2'),
        RAW.replace(b'"v":1', b'"v":1,"w":1'),
        RAW.replace(b'"BwE"', b"7"),
        RAW.replace(b'"BwE"', b'"BwF"'),
        RAW.replace(b'"BwE"', b'"BwE="'),
        RAW.replace(b'Hh8="', b'Hh8"'),
        RAW.replace(b'"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="', b"1"),
        RAW.replace(b'"size":11', b'"size":11.0'),
        RAW.replace(b'"agency":"women-b",', b""),
    ],
)
def test_no_other_file_is_coverage(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_coverage(raw)


@pytest.mark.parametrize(
    "spans",
    [[(3, 2)], [(-1, 2)], [(0, 2**63)], [(0, 2), (2, 3)], [(0, 2), (3, 4)], [(5, 6), (0, 1)]],
)
def test_one_set_of_entries_has_one_spelling(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(Malformed):
        check_spans(spans)
