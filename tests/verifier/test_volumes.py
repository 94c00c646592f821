"""A large export: its openings and their table in several volumes, read as one."""

import shutil
import tracemalloc
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from exchange.audit.policy import judge, read_policy
from exchange.cli.main import main
from exchange.consent.credential import Credential, Purpose
from exchange.errors import Malformed
from exchange.verifier import volumes
from exchange.verifier.export import Export, Openings
from exchange.verifier.files import FolderFiles
from exchange.verifier.pack import tar_of
from exchange.verifier.source import Source
from exchange.verifier.volumes import lines_of
from tests.exports import CHAIN_KEY, POLICY, Story
from tests.logs import Verify, put

MANY = 3000
"""Openings of two megabytes."""
FEW = 1000
"""Bytes with which a volume is full here: after each second or third opening."""


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@pytest.fixture(scope="module")
def whole(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an export in one volume."""
    return story.export(tmp_path_factory.mktemp("made") / "export")


@pytest.fixture(scope="module")
def parted(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same in several volumes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(volumes, "ENOUGH", FEW)
        return story.export(tmp_path_factory.mktemp("made") / "export")


@pytest.fixture
def copy(parted: Path, tmp_path: Path) -> Path:
    """Return a copy of the export in several volumes, to be damaged."""
    shutil.copytree(parted, tmp_path / "copy")
    return tmp_path / "copy"


def parts(folder: Path) -> list[Path]:
    return [folder / "openings.jsonl", *sorted((folder / "openings").iterdir())]


async def read(folder: Path) -> list[bytes]:
    return [line async for _, _, line in lines_of(FolderFiles(folder))]


async def test_volumes_hold_the_openings_in_their_order(whole: Path, parted: Path) -> None:
    assert not (whole / "openings").exists()
    assert not (whole / "index").exists()
    assert len(parts(parted)) > 2
    assert await read(parted) == await read(whole)
    assert (
        b"".join(part.read_bytes() for part in parts(parted))
        == (whole / "openings.jsonl").read_bytes()
    )
    assert all(part.stat().st_size < FEW + 1000 for part in parts(parted))
    same = ("coverage.json", "checkpoint", "policy")
    assert all((parted / one).read_bytes() == (whole / one).read_bytes() for one in same)


def test_an_export_in_volumes_is_as_good(
    parted: Path, verify: Verify, trusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(parted) == (0, {})
    assert main(["log", "verify", str(parted), "--policy", str(trusted)]) == 0
    assert "7 opened, 2 public, 2 erased" in capsys.readouterr().out


def test_the_pages_for_people_lead_to_each_other(whole: Path, parted: Path) -> None:
    pages = [parted / "index.html", *sorted((parted / "index").iterdir())]
    assert len(pages) == len(parts(parted))
    assert sum(page.read_text("utf-8").count('<tr><th scope="row">') for page in pages) == 7
    for page, then in pairwise(pages):
        (way,) = [one for one in ways(page) if one == then]
        assert page in ways(way)
    assert len(ways(pages[0])) == len(ways(pages[-1])) == 1
    assert ways(whole / "index.html") == set()


def ways(page: Path) -> set[Path]:
    """Return the files to which a page leads."""
    found = page.read_text("utf-8").split('href="')[1:]
    to = {(page.parent / one.split('"')[0]).resolve() for one in found}
    assert all(one.is_file() for one in to)
    return to


async def test_what_has_left_is_in_memory_no_more(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "ENOUGH", 10_000)
    source = Source(FolderFiles(story.log.write(tmp_path / "log", documents=story.documents)))
    head = judge(read_policy(POLICY), story.log.note())

    async def opened() -> AsyncIterator[Openings]:
        for number in range(MANY):
            yield Openings([story.opened[number % len(story.opened)]])

    export, left = Export(source, head, story.belongings()), 0
    tracemalloc.start()
    try:
        async for piece in tar_of(export.members(opened(), lambda _done, _all: None)):
            left += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert export.opened == MANY
    assert left > 4 * peak


@pytest.mark.parametrize("number", [0, 1, -1])
def test_an_export_that_lost_a_volume_is_not_good(number: int, copy: Path, verify: Verify) -> None:
    parts(copy)[number].unlink()

    ended, found = verify(copy)

    assert ended == 1
    assert "covers other entries" in found["coverage"]["said"]


async def test_a_volume_without_a_line_ends_the_reading(copy: Path) -> None:
    put(copy, f"openings/{len(parts(copy)) + 1:06}.jsonl", b"")  # as a host may go on for ever

    with pytest.raises(Malformed, match="no line"):
        await read(copy)


def test_an_export_with_a_volume_without_a_line_is_not_good(copy: Path, verify: Verify) -> None:
    put(copy, f"openings/{len(parts(copy)) + 1:06}.jsonl", b"")

    ended, _ = verify(copy)

    assert ended == 1


def test_a_line_that_is_no_opening_is_named_with_its_volume(copy: Path, verify: Verify) -> None:
    second = parts(copy)[1]
    put(copy, "openings/000002.jsonl", b"{}\n" + second.read_bytes())

    ended, found = verify(copy)

    assert ended == 1
    assert found["opening"]["said"].startswith("line 1 of openings/000002.jsonl: ")


def test_openings_are_in_order_over_all_volumes(copy: Path, verify: Verify) -> None:
    first = parts(copy)[0]
    put(copy, "openings/000002.jsonl", first.read_bytes().splitlines()[0] + b"\n")

    ended, found = verify(copy)

    assert ended == 1
    assert "order" in found["opening"]["said"]


def test_whoever_compares_with_the_first_volume_reads_all(
    whole: Path,
    parted: Path,
    trusted: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = tmp_path / "key.txt"
    key.write_text(Credential(Purpose.LOG_KEY, CHAIN_KEY).text)
    said = []
    for folder in (whole, parted):
        asked = ["log", "scan", str(folder), "--policy", str(trusted), "--key-file", str(key)]
        ended = main([*asked, "--shown", str(folder / "openings.jsonl"), "--json"])
        said.append((ended, capsys.readouterr().out))
    assert said[0] == said[1]
    assert said[0][0] == 0
