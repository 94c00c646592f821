"""exchange.durable: the order of every step, and nothing visible after any failure."""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from exchange import durable
from exchange.errors import TooLarge

CONTENT = bytes(range(256)) * 4096


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def in_chunks(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for first in range(0, len(data), size):
        yield data[first : first + size]


class Steps:
    """The calls that reach the operating system, in order; one of them may be made to fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        self.fail: tuple[str, int, int] | None = None
        """Name of a call, which one of them, and the errno it gets."""
        self._directories: set[int] = set()
        for name in ("open", "write", "fsync", "link"):
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name)))
        real = Path.unlink

        def unlink(path: Path, missing_ok: bool = False) -> None:
            there = path.exists()
            real(path, missing_ok=missing_ok)
            if there:
                self.seen.append("unlink")

        monkeypatch.setattr(Path, "unlink", unlink)

    def _maybe_fail(self, step: str) -> None:
        if self.fail is not None and self.fail[:2] == (step, self.seen.count(step)):
            raise OSError(self.fail[2], os.strerror(self.fail[2]))

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            step = name
            if name == "open" and args[1] & os.O_DIRECTORY:
                step = "open directory"
            if name == "fsync" and args[0] in self._directories:
                step = "fsync directory"
            self.seen.append(step)
            self._maybe_fail(step)
            result = call(*args, **kwargs)
            if step == "open directory":
                self._directories.add(result)
            elif step == "open":
                self._directories.discard(result)
            return result

        return wrapped


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


WHOLE = ["open", "write", "fsync", "link", "unlink", "open directory", "fsync directory"]
STREAMED = ["open", "write", "fsync", "open directory", "fsync directory"]


def failures(steps: list[str]) -> list[tuple[str, int]]:
    return [(step, error) for step in steps for error in (errno.ENOSPC, errno.EIO)]


def test_bytes_are_synced_before_they_have_their_name_and_the_directory_after(
    tmp_path: Path, steps: Steps
) -> None:
    durable.write_bytes_durably(tmp_path / "file", b"content")
    assert steps.seen == WHOLE


async def test_a_stream_is_synced_under_its_name_and_the_directory_after(
    tmp_path: Path, steps: Steps
) -> None:
    await durable.write_durably(tmp_path / "file", pieces(b"content"), limit=100)
    assert steps.seen == STREAMED


@pytest.mark.parametrize(("step", "error"), failures([step for step in WHOLE if step != "unlink"]))
def test_no_failure_of_any_step_leaves_anything_visible(
    tmp_path: Path, steps: Steps, step: str, error: int
) -> None:
    steps.fail = (step, 1, error)
    with pytest.raises(OSError, match=r"\[Errno"):
        durable.write_bytes_durably(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("step", "error"), failures(STREAMED))
async def test_no_failure_of_any_step_of_a_stream_leaves_anything_visible(
    tmp_path: Path, steps: Steps, step: str, error: int
) -> None:
    steps.fail = (step, 1, error)
    with pytest.raises(OSError, match=r"\[Errno"):
        await durable.write_durably(tmp_path / "file", in_chunks(CONTENT * 3), limit=2**30)
    assert list(tmp_path.iterdir()) == []


async def test_a_failed_sync_is_final(tmp_path: Path, steps: Steps) -> None:
    steps.fail = ("fsync", 1, errno.EIO)
    with pytest.raises(OSError, match="Errno 5"):
        await durable.write_durably(tmp_path / "file", pieces(b"content"), limit=100)
    assert steps.seen.count("fsync") == 1


async def test_a_disk_that_fills_up_in_the_middle_leaves_nothing(
    tmp_path: Path, steps: Steps
) -> None:
    steps.fail = ("write", 40, errno.ENOSPC)
    with pytest.raises(OSError, match="Errno 28"):
        await durable.write_durably(tmp_path / "file", in_chunks(CONTENT * 5), limit=2**30)
    assert list(tmp_path.iterdir()) == []


async def test_a_stream_comes_out_whole_with_its_digest_and_size(tmp_path: Path) -> None:
    content = CONTENT * 5 + b"rest"
    found = await durable.write_durably(tmp_path / "file", in_chunks(content, 7777), limit=2**30)
    assert found == (hashlib.sha256(content).hexdigest(), len(content))
    assert (tmp_path / "file").read_bytes() == content
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


async def test_an_empty_stream_is_an_empty_file(tmp_path: Path) -> None:
    found = await durable.write_durably(tmp_path / "file", pieces(), limit=1)
    assert found == (hashlib.sha256(b"").hexdigest(), 0)
    assert (tmp_path / "file").read_bytes() == b""


async def test_one_byte_too_many_ends_the_stream_and_leaves_nothing(tmp_path: Path) -> None:
    assert await durable.write_durably(tmp_path / "fits", pieces(b"12345"), limit=5)
    with pytest.raises(TooLarge):
        await durable.write_durably(tmp_path / "file", pieces(b"12345", b"6"), limit=5)
    assert [path.name for path in tmp_path.iterdir()] == ["fits"]


async def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        await durable.write_durably(tmp_path / "file", pieces(b"new"), limit=100)
    with pytest.raises(FileExistsError):
        durable.write_bytes_durably(tmp_path / "file", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_file_is_replaced_as_a_whole_when_asked_to(tmp_path: Path, steps: Steps) -> None:
    (tmp_path / "file").write_bytes(b"old")
    durable.write_bytes_durably(tmp_path / "file", b"new", replace=True, mode=0o640)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    steps.fail = ("fsync", 2, errno.EIO)
    with pytest.raises(OSError, match="Errno 5"):
        durable.write_bytes_durably(tmp_path / "file", b"newer", replace=True)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


def test_a_replaced_file_is_not_removed_when_the_directory_cannot_be_synced(
    tmp_path: Path, steps: Steps
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    steps.fail = ("fsync directory", 1, errno.EIO)
    with pytest.raises(OSError, match="Errno 5"):
        durable.write_bytes_durably(tmp_path / "file", b"new", replace=True)
    assert (tmp_path / "file").read_bytes() in {b"old", b"new"}


async def test_a_stream_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await durable.write_durably(tmp_path / "file", broken(), limit=2**30)
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_stream_leaves_nothing(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield CONTENT
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.ensure_future(durable.write_durably(tmp_path / "file", endless(), limit=2**30))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_takes_a_part_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, view: real(fd, view[:3]))
    durable.write_bytes_durably(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_move_syncs_both_directories(tmp_path: Path, steps: Steps) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "from" / "file").write_bytes(b"content")
    steps.seen.clear()
    durable.move_durably(tmp_path / "from" / "file", tmp_path / "to" / "file")
    assert (tmp_path / "to" / "file").read_bytes() == b"content"
    assert steps.seen == ["open directory", "fsync directory"] * 2
    steps.seen.clear()
    durable.move_durably(tmp_path / "to" / "file", tmp_path / "to" / "other")
    assert steps.seen == ["open directory", "fsync directory"]


def test_a_new_directory_is_synced_in_its_parent(tmp_path: Path, steps: Steps) -> None:
    durable.make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert steps.seen == ["open directory", "fsync directory"] * 2
    durable.make_directory(tmp_path / "a" / "b")
    assert len(steps.seen) == 4


def test_a_written_file_gets_its_name_once_and_durably(tmp_path: Path, steps: Steps) -> None:
    for name in ("first", "second"):
        (tmp_path / name).write_bytes(name.encode())
    steps.seen.clear()

    durable.name_durably(tmp_path / "first", tmp_path / "target")
    with pytest.raises(FileExistsError):
        durable.name_durably(tmp_path / "second", tmp_path / "target")

    once = ["link", "unlink", "open directory", "fsync directory"]
    assert steps.seen == [*once, "link", "unlink"]
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("target", b"first")]
