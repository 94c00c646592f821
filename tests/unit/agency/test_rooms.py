"""exchange.agency.rooms: what foreign code wrote is taken as hostile (A83), also without walls."""

import asyncio
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.agency import job, rooms
from exchange.errors import Quarantined
from exchange.hookspecs import ASCII_NAMES, EVERY_CHARACTER


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return rooms.make(tmp_path / "root")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def take(
    room: Path, target: Path, *names: str, alphabet: str = EVERY_CHARACTER, most: int = 1000
) -> None:
    rooms.take(room, names, target, alphabet=alphabet, most_files=5, most=most)


def refused(room: Path, target: Path, *names: str, alphabet: str = EVERY_CHARACTER) -> str:
    with pytest.raises(Quarantined) as refusal:
        take(room, target, *names, alphabet=alphabet)
    return refusal.value.reason


def test_every_named_file_is_taken(room: Path, target: Path) -> None:
    for name in ("b.txt", "a.txt"):
        (room / "out" / name).write_text(name)
    take(room, target, "b.txt", "a.txt")
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "a.txt": "a.txt",
        "b.txt": "b.txt",
    }


def test_what_another_attempt_has_left_is_removed(room: Path, target: Path) -> None:
    (target / "old.txt").write_text("of a worker that failed")
    (room / "out" / "a.txt").write_text("a")
    take(room, target, "a.txt")
    assert [path.name for path in target.iterdir()] == ["a.txt"]


def test_what_is_taken_is_ours_whatever_the_writer_still_holds(room: Path, target: Path) -> None:
    with (room / "out" / "a.txt").open("w") as held:
        held.write("before")
        held.flush()
        take(room, target, "a.txt")
        held.write("after")
    assert (target / "a.txt").read_text() == "before"
    assert (target / "a.txt").stat().st_mode & 0o777 == 0o600


Make = Callable[[Path], object]


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.mkdir(),
        os.mkfifo,
        lambda path: os.mknod(path, 0o600 | 0o140000),
    ],
    ids=["link", "dangling", "folder", "pipe", "socket"],
)
def test_anything_but_a_plain_file_is_refused(room: Path, target: Path, make: Make) -> None:
    make(room / "out" / "a.txt")
    assert refused(room, target, "a.txt") == "output-kind"


def test_a_second_name_of_a_file_elsewhere_is_copied_and_left_alone(
    room: Path, target: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").write_text("x")
    os.link(tmp_path / "other", room / "out" / "a.txt")
    take(room, target, "a.txt")
    assert (target / "a.txt").stat().st_ino != (tmp_path / "other").stat().st_ino


def test_a_sparse_file_is_refused_by_its_size(room: Path, target: Path) -> None:
    with (room / "out" / "a.txt").open("wb") as file:
        file.truncate(10 << 30)
    assert refused(room, target, "a.txt") == "output-size"


def test_all_files_together_count(room: Path, target: Path) -> None:
    for name in ("a", "b"):
        (room / "out" / name).write_bytes(bytes(501))
    assert refused(room, target, "a", "b") == "output-size"


def test_exactly_the_largest_size_is_taken(room: Path, target: Path) -> None:
    (room / "out" / "a").write_bytes(bytes(1000))
    take(room, target, "a")
    assert (target / "a").stat().st_size == 1000


def test_a_file_that_grows_while_it_is_copied_is_refused(
    room: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room / "out" / "a"
    path.write_bytes(bytes(1000))
    sendfile = os.sendfile

    def growing(*args: int | None) -> int:
        with path.open("ab") as file:
            file.write(bytes(10))
        return sendfile(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "sendfile", growing)
    assert refused(room, target, "a") == "output-size"


@pytest.mark.parametrize(
    "names",
    [(), ("a", "a"), ("1", "2", "3", "4", "5", "6")],
    ids=["none", "twice", "too many"],
)
def test_the_number_of_names_is_checked(room: Path, target: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (room / "out" / name).touch()
    assert refused(room, target, *names) == "output-count"


def test_more_files_than_allowed_are_refused_even_unnamed(room: Path, target: Path) -> None:
    for number in range(6):
        (room / "out" / str(number)).touch()
    assert refused(room, target, "1") == "output-count"


@pytest.mark.parametrize("names", [("a", "b"), ("b",), ("../a",), ("/etc/passwd",)])
def test_files_named_are_exactly_files_written(
    room: Path, target: Path, names: tuple[str, ...]
) -> None:
    (room / "out" / "a").touch()
    assert refused(room, target, *names) == "output-unnamed"


@pytest.mark.parametrize(
    "name",
    [
        *("CON", "aux.txt", "a.", " a", "a ", "a:b", "a\\b", "a|b", "a*", "a\u202etxt.exe"),
        *("a\u200bb", "a\u2028b", "a\x1bb", "a\x7f", "a\x85", "e\u0301.txt"),
    ],
)
def test_a_name_outside_the_alphabet_of_the_exchange_is_refused(
    room: Path, target: Path, name: str
) -> None:
    (room / "out" / name).touch()
    assert refused(room, target, name) == "output-name"


def test_a_name_outside_the_formats_own_alphabet_is_refused(room: Path, target: Path) -> None:
    (room / "out" / "\xe4.txt").touch()
    assert refused(room, target, "\xe4.txt", alphabet=ASCII_NAMES) == "output-name"
    take(room, target, "\xe4.txt")
    assert [path.name for path in target.iterdir()] == ["\xe4.txt"]


def test_names_that_differ_in_case_only_are_refused(room: Path, target: Path) -> None:
    for name in ("a.txt", "A.TXT"):
        (room / "out" / name).touch()
    assert refused(room, target, "a.txt", "A.TXT") == "output-name"


def test_a_room_is_furnished_and_cleared_and_the_document_stays(room: Path, tmp_path: Path) -> None:
    (tmp_path / "doc").mkdir()
    (tmp_path / "doc" / "1").write_bytes(b"a")
    for copy in (True, False):
        rooms.furnish(room, [("a.txt", tmp_path / "doc" / "1")], copy=copy)
        placed = job.folder_in(room) / "a.txt"
        same = placed.stat().st_ino == (tmp_path / "doc" / "1").stat().st_ino
        assert placed.read_bytes() == b"a"
        assert same is not copy
        rooms.clear(room)
        assert list(job.folder_in(room).iterdir()) == []
    assert (tmp_path / "doc" / "1").read_bytes() == b"a"


def test_a_file_without_a_name_is_copied(room: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as unnamed:
        unnamed.write(b"a")
        unnamed.flush()
        rooms.furnish(room, [("a.txt", Path(f"/proc/self/fd/{unnamed.fileno()}"))], copy=False)
    placed = job.folder_in(room) / "a.txt"
    assert not placed.is_symlink()
    assert placed.read_bytes() == b"a"


def test_a_document_on_another_file_system_is_copied(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(*_: object, **__: object) -> None:
        raise OSError(18, "cross-device link")

    monkeypatch.setattr(os, "link", elsewhere)
    (tmp_path / "doc").mkdir()
    (tmp_path / "doc" / "a.txt").write_bytes(b"a")
    rooms.furnish(room, [("a.txt", tmp_path / "doc" / "a.txt")], copy=False)
    assert (job.folder_in(room) / "a.txt").read_bytes() == b"a"


def test_a_room_goes_however_deep_it_is_and_links_are_not_followed(
    room: Path, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a").touch()
    (room / "out" / "link").symlink_to(tmp_path / "kept")
    deep = os.open(room / "out", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=deep)
        inner = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    rooms.remove(room)
    assert not room.exists()
    assert (tmp_path / "kept" / "a").exists()
    rooms.remove(room)


async def test_work_in_a_thread_ends_before_its_cancelled_caller() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(10)
        ended.set()

    task = asyncio.create_task(rooms.in_thread(work))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
