"""exchange.members: what each reader of a member accepts and refuses."""

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from exchange.errors import Malformed
from exchange.members import (
    LARGEST_SECONDS,
    Members,
    code,
    digest,
    language,
    ordered,
    read_time,
    version,
    words,
    write_time,
)


class Colour(StrEnum):
    RED = "red"


def test_times_are_read_and_written_in_one_spelling() -> None:
    moment = datetime(2026, 3, 2, 9, 40, 5, tzinfo=UTC)
    assert read_time("2026-03-02T09:40:05Z") == moment
    assert write_time(moment) == "2026-03-02T09:40:05Z"
    assert write_time(moment.astimezone(timezone(timedelta(hours=2)))) == "2026-03-02T09:40:05Z"
    assert read_time("1900-01-01T00:00:00Z").year == 1900
    assert read_time("9000-12-31T23:59:59Z").timestamp() == LARGEST_SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T09:40:05",
        "2026-03-02T09:40:05+00:00",
        "2026-03-02T09:40:05.0Z",
        "2026-03-02 09:40:05Z",
        "2026-3-2T9:40:05Z",
        "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:59:60Z",
        "9001-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "٢٠٢٦-03-02T09:40:05Z",  # digits of another script
        1772444520,
        None,
    ],
)
def test_other_spellings_of_a_time_are_refused(text: object) -> None:
    with pytest.raises(Malformed):
        read_time(text)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 2),  # noqa: DTZ001  # the point
        datetime(2026, 3, 2, microsecond=1, tzinfo=UTC),
    ],
)
def test_a_moment_without_zone_or_between_seconds_is_not_written(moment: datetime) -> None:
    with pytest.raises(Malformed):
        write_time(moment)


@pytest.mark.parametrize("text", ["a", "rent-arrears-letter", "a1-b2", "kreis-x/a", "x" * 48])
def test_codes_are_accepted(text: str) -> None:
    assert code(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "A", "-a", "a-", "a--b", "1a", "a_b", "a b", "x" * 49, "x/", "/a", "X/a", "a/b/c", 1],
)
def test_other_codes_are_refused(text: object) -> None:
    with pytest.raises(Malformed):
        code(text)


@pytest.mark.parametrize("text", ["de", "en", "de-simple", "gsw-CH"])
def test_languages_are_accepted(text: str) -> None:
    assert language(text) == text


@pytest.mark.parametrize("text", ["", "d", "DE", "german", "de-", "de_DE", 1])
def test_other_languages_are_refused(text: object) -> None:
    with pytest.raises(Malformed):
        language(text)


@pytest.mark.parametrize("text", ["1.0", "0.9", "12.345"])
def test_versions_are_accepted(text: str) -> None:
    assert version(text) == text


@pytest.mark.parametrize("text", ["1", "1.0.0", "01.0", "1.", "v1.0", 1.0])
def test_other_versions_are_refused(text: object) -> None:
    with pytest.raises(Malformed):
        version(text)


def test_a_digest_is_32_bytes_in_base64url() -> None:
    assert digest("A" * 43) == "A" * 43
    for text in ("A" * 42, "A" * 44, "A" * 42 + "B", "A" * 42 + "+", 43):
        with pytest.raises(Malformed):
            digest(text)


def test_words_are_shown_as_they_are() -> None:
    assert words("Straße 1 – Köln") == "Straße 1 – Köln"  # noqa: RUF001  # a German dash
    assert words("a\nb", lines=True) == "a\nb"
    assert words("x" * 500)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 501,
        "a\nb",
        "a\tb",
        "a\x00b",
        "a\u202eb",
        "a\u200bb",
        "a\u2028b",
        "a\u2029b",
        "Ko\u0308ln",
        1,
    ],
)
def test_words_that_could_deceive_are_refused(text: object) -> None:
    with pytest.raises(Malformed):
        words(text)


def test_a_text_of_several_lines_has_no_other_control_characters() -> None:
    with pytest.raises(Malformed):
        words("a\r\nb", lines=True)


READERS: list[tuple[str, Any, Any]] = [
    ("text", {}, "x"),
    ("code", {}, "x"),
    ("agency", {}, "x-1"),
    ("uuid", {}, "5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a01"),
    ("digest", {}, "A" * 43),
    ("sha256", {}, "ab" * 32),
    ("seconds", {}, 0),
    ("flag", {}, False),
    ("mapping", {}, {"a": 1}),
    ("labels", {}, {"de": "x"}),
    ("integer", {"least": 1, "most": 3}, 3),
    ("word", {"among": Colour}, "red"),
]


@pytest.mark.parametrize(("reader", "bounds", "value"), READERS)
def test_a_member_is_read_once_and_only_in_its_type(
    reader: str, bounds: dict[str, Any], value: Any
) -> None:
    members = Members({"name": value})
    assert members.has("name")
    assert getattr(members, reader)("name", **bounds) == value
    assert not members.has("name")
    members.end()
    with pytest.raises(Malformed, match="name: missing"):
        getattr(members, reader)("name", **bounds)
    wrongs: list[Any] = [None, 1.5, [], "\x00", "Ä" * 600, -1, 10**18]
    for wrong in wrongs:
        with pytest.raises(Malformed, match=r"^name: "):
            getattr(Members({"name": wrong}), reader)("name", **bounds)


def test_truth_is_no_number_and_a_number_no_truth() -> None:
    with pytest.raises(Malformed):
        Members({"n": True}).integer("n", 0, 2)
    with pytest.raises(Malformed):
        Members({"n": 1}).flag("n")


def test_bounds_of_numbers_are_included() -> None:
    assert [Members({"n": n}).integer("n", 1, 3) for n in (1, 3)] == [1, 3]
    for outside in (0, 4):
        with pytest.raises(Malformed):
            Members({"n": outside}).integer("n", 1, 3)


def test_bytes_are_read_with_or_without_a_size() -> None:
    assert Members({"b": "AAAA"}).raw("b") == b"\x00\x00\x00"
    assert Members({"b": "AAAA"}).raw("b", size=3) == b"\x00\x00\x00"
    for value, size in [("AAAA", 4), ("AAA=", None), (1, None)]:
        with pytest.raises(Malformed):
            Members({"b": value}).raw("b", size=size)


def test_lists_of_names_are_sorted_and_unique() -> None:
    assert Members({"l": ["a1", "b1"]}).agencies("l", 0, 2) == {"a1", "b1"}
    assert Members({"l": []}).codes("l", 0, 2) == frozenset()
    assert Members({"l": ["a", "b"]}).texts("l", 1, 2) == {"a", "b"}
    for value in (["b1", "a1"], ["a1", "a1"], ["a1", "b1", "c1"], "a1", ["A1"], {"a1": 1}):
        with pytest.raises(Malformed):
            Members({"l": value}).agencies("l", 0, 2)
    with pytest.raises(Malformed):
        Members({"l": []}).agencies("l", 1, 2)


def test_objects_name_their_place_in_errors() -> None:
    inner = Members({"outer": {"inner": 1}}).object("outer")
    with pytest.raises(Malformed, match=r"^outer\.inner: "):
        inner.text("inner")
    listed = Members({"outer": [{"inner": 1}]}).objects("outer", 1, 1)
    with pytest.raises(Malformed, match=r"^outer\[\]\.inner: "):
        listed[0].text("inner")


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_what_is_no_object_has_no_members(value: object) -> None:
    with pytest.raises(Malformed, match="payload: not an object"):
        Members(value)
    with pytest.raises(Malformed, match="outer: not an object"):
        Members({"outer": value}).object("outer")
    with pytest.raises(Malformed, match=r"outer\[\]: not an object"):
        Members({"outer": [value]}).objects("outer", 0, 1)


def test_a_member_nobody_asked_for_is_refused_by_its_name() -> None:
    with pytest.raises(Malformed, match=r"^payload: unknown member remark-2_x$") as refused:
        Members({"remark-2_x": 1}).end()
    assert refused.value.member == "remark-2_x"
    with pytest.raises(Malformed, match=r"^outer: unknown member remark$") as refused:
        Members({"remark": 1}, "outer").end()
    assert refused.value.member == "outer.remark"


@pytest.mark.parametrize("name", ["", "a" * 49, "Erika", "a b", "a\n", "é", "a.b", "\u202e", 7])
def test_a_name_unlike_ours_is_not_repeated(name: Any) -> None:
    with pytest.raises(Malformed, match=r"^outer: unknown member$") as refused:
        Members({name: 1}, "outer").end()
    assert refused.value.member == "outer"


def test_a_refused_member_is_known_by_its_path() -> None:
    outer = Members({"inner": {"list": [{"a": 1}], "late": 1}})
    inner = outer.object("inner")
    with pytest.raises(Malformed) as refused:
        inner.objects("list", 1, 1)[0].text("a")
    assert refused.value.member == "inner.list[].a"
    with pytest.raises(Malformed) as refused:
        inner.text("missing")
    assert refused.value.member == "inner.missing"
    with pytest.raises(Malformed) as refused:
        outer.text("missing")
    assert refused.value.member == "missing"
    with pytest.raises(Malformed) as refused:
        Members({"outer": {"a": 1}}).take("outer", lambda value: Members(value, "x").text("a"))
    assert refused.value.member == "x.a"
    with pytest.raises(Malformed) as refused:
        Members(None, "where")
    assert refused.value.member == "where"
    with pytest.raises(Malformed) as refused:
        ordered(["b", "a"], "letters")
    assert refused.value.member == "letters"


def test_order_is_strict() -> None:
    ordered([], "x")
    ordered([1, 2], "x")
    for keys in ([1, 1], [2, 1]):
        with pytest.raises(Malformed, match=r"^x: "):
            ordered(keys, "x")
