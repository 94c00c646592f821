"""Officers' lists, united: an entry that nobody accounts for is named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exchange.audit.coverage import Coverage, bitmap, write_coverage
from exchange.audit.tombstone import write_tombstone
from exchange.canonical import b64u, encode, loads
from exchange.cli.main import main
from tests.logs import ORIGIN, WITNESS_KEY, Log, policy, random_leaves

SIZE = 1000
LOG = Log(random_leaves(SIZE), witnesses=(WITNESS_KEY,))


def listed(agency: str, *spans: tuple[int, int], size: int = SIZE) -> Coverage:
    """Return the list of an agency that can open these spans."""
    return Coverage(ORIGIN, size, LOG.root(size), agency, bitmap(size, spans))


def tombstone(*spans: tuple[int, int]) -> bytes:
    """Return a list of what was erased, as a liar would write it."""
    indexes: Any = [list(span) for span in spans]
    return encode({"v": 1, "salt": b64u(b"\x01" * 32), "indexes": indexes})


@pytest.fixture
def unite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return the command on some lists: exit code, and the checks."""

    def run(*lists: Coverage, earlier: Any = (), options: Any = ()) -> Any:
        words = ["log", "coverage", "--json"]
        for number, one in enumerate(lists):
            (tmp_path / f"{number}.json").write_bytes(write_coverage(one))
            words.append(str(tmp_path / f"{number}.json"))
        for number, one in enumerate(earlier):
            (tmp_path / f"earlier-{number}.json").write_bytes(write_coverage(one))
            words += ["--earlier", str(tmp_path / f"earlier-{number}.json")]
        ended = main([*words, *map(str, options)])
        return ended, loads(capsys.readouterr().out.encode(), limit=100_000)["checks"]

    return run


THREE = (
    listed("women-b", (0, 400), (600, 700)),
    listed("jobcentre-a", (300, 599)),
    listed("youth-c", (701, 999)),
)


def test_three_agencies_together_account_for_every_entry(unite: Any) -> None:
    ended, checks = unite(*THREE)

    assert ended == 0
    assert "all accounted for by jobcentre-a, women-b, youth-c" in checks[0]["said"]


def test_one_leaf_that_the_hub_added_without_record_is_named(unite: Any) -> None:
    ended, checks = unite(THREE[0], THREE[1], listed("youth-c", (701, 841), (843, 999)))

    assert ended == 1
    assert [one["span"] for one in checks] == [[842, 842]]
    assert "nobody accounts for it" in checks[0]["said"]


def test_many_holes_are_told_on_one_page(unite: Any) -> None:
    ended, checks = unite(listed("women-b", *((at, at) for at in range(0, SIZE, 2))))

    assert ended == 1
    assert len(checks) == 21
    assert "480 more" in checks[-1]["said"]


def test_lists_of_different_sizes_are_united_up_to_the_smallest(unite: Any) -> None:
    assert unite(listed("women-b", (0, 499), size=500), THREE[1])[0] == 0


@pytest.mark.parametrize(
    "other",
    [replace(THREE[1], origin="hub.example/other"), replace(THREE[1], root=bytes(32))],
    ids=["another log", "another root"],
)
def test_lists_of_another_log_or_tree_are_not_united(other: Coverage, unite: Any) -> None:
    ended, checks = unite(THREE[0], other)

    assert ended == 1
    assert checks[0]["outcome"] == "broken"


def test_nothing_is_erased_that_nobody_had_seen(unite: Any, tmp_path: Path) -> None:
    earlier = [listed("women-b", (0, 99), size=600)]
    seen, unseen = tmp_path / "seen", tmp_path / "unseen"
    seen.write_bytes(write_tombstone(b"\x01" * 32, [4, 5]))
    unseen.write_bytes(write_tombstone(b"\x02" * 32, [4, 120]))

    assert unite(*THREE, earlier=earlier, options=["--tombstone", seen])[0] == 0

    ended, checks = unite(*THREE, earlier=earlier, options=["--tombstone", unseen])
    assert ended == 1
    assert checks[-1]["span"] == [120, 120]


def test_a_tombstone_of_more_than_the_log_has_fills_no_memory(unite: Any, tmp_path: Path) -> None:
    """A terabyte of bits would be made before anybody could say that it is nonsense."""
    (tmp_path / "endless").write_bytes(tombstone((0, 2**53 - 1)))
    (tmp_path / "behind").write_bytes(tombstone((SIZE, SIZE)))
    (tmp_path / "last").write_bytes(tombstone((SIZE - 1, SIZE - 1)))

    for name, expected in (("endless", 1), ("behind", 1), ("last", 0)):
        options = ["--tombstone", tmp_path / name]
        ended, checks = unite(*THREE, earlier=THREE, options=options)

        assert ended == expected, name
        said = "a tombstone names an entry behind the last"
        assert (checks[-1]["said"] == said) is (expected == 1)


def test_what_was_opened_and_is_not_any_more_is_pending_or_hidden(unite: Any) -> None:
    ended, checks = unite(listed("women-b", (0, 989)), earlier=[listed("women-b", (0, 999))])

    assert ended == 1
    assert checks[-1]["check"] == "pending"
    assert "10 entries" in checks[-1]["said"]


def test_lists_are_held_against_signed_heads(unite: Any, tmp_path: Path) -> None:
    head, other, trusted = (tmp_path / name for name in ("head", "other", "policy"))
    head.write_bytes(LOG.note())
    other.write_bytes(LOG.note(900))
    trusted.write_bytes(policy(WITNESS_KEY, quorum="w0"))

    assert unite(*THREE, options=["--head", head, "--policy", trusted])[0] == 0
    assert unite(*THREE, options=["--head", other, "--policy", trusted])[0] == 2
    head.write_bytes(LOG.note(SIZE, bytes(32)).replace(b"A", b"B"))
    assert unite(*THREE, options=["--head", head, "--policy", trusted])[0] == 1


def test_a_tombstone_is_judged_by_earlier_lists_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (("one", write_coverage(THREE[0])), ("gone", tombstone((4, 5)))):
        (tmp_path / name).write_bytes(content)
    words = ["log", "coverage", str(tmp_path / "one"), "--tombstone", str(tmp_path / "gone")]

    assert main(words) == 2
    assert "give --earlier as well" in capsys.readouterr().err


def test_a_command_without_lists_could_not_check_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", "coverage"]) == 2
    (tmp_path / "list").write_bytes(b"{}")
    assert main(["log", "coverage", str(tmp_path / "list")]) == 2
    assert "list is no coverage list: " in capsys.readouterr().err
