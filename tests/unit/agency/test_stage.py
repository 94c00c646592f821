"""exchange.agency.stage: files that no name leads to."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.agency import home as homes
from exchange.agency import stage
from exchange.agency.disk_room import DiskRoom
from exchange.agency.home import Home
from exchange.agency.stage import open_stage
from exchange.canonical import sha256_hex
from exchange.errors import StorageFull, TooLarge


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = homes.at(tmp_path / "home")
    homes.create(made)
    return made


@pytest.fixture
def room(home: Home) -> DiskRoom:
    return DiskRoom(home.outgoing, 0)


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


def refuse_unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file system know no files without a name."""
    real = os.open

    def opened(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no such files here")
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", opened)


@pytest.mark.parametrize("unnamed", [True, False])
async def test_a_file_is_read_as_often_as_wanted_and_has_no_name(
    home: Home, room: DiskRoom, monkeypatch: pytest.MonkeyPatch, unnamed: bool
) -> None:
    if not unnamed:
        refuse_unnamed(monkeypatch)
    content = os.urandom(3 * stage.PIECE + 17)

    async with open_stage(room) as taking:
        staged = await taking.take(pieces(content[:5], b"", content[5:]))
        assert list(home.outgoing.iterdir()) == []
        assert staged.path.read_bytes() == staged.path.read_bytes() == content
        assert (staged.size, staged.sha256) == (len(content), sha256_hex(content))
        assert staged.path.stat().st_mode & 0o777 == 0o600

    assert not staged.path.exists()
    assert list(home.outgoing.iterdir()) == []


async def test_all_files_of_a_stage_share_its_bound(room: DiskRoom) -> None:
    async with open_stage(room, most_bytes=10) as taking:
        await taking.take(pieces(b"123456"))
        with pytest.raises(TooLarge):
            await taking.take(pieces(b"12345"))


async def test_an_empty_file_is_one(room: DiskRoom) -> None:
    async with open_stage(room) as taking:
        staged = await taking.take(pieces())
        assert (staged.size, staged.path.read_bytes()) == (0, b"")


async def test_a_full_disk_is_told_in_our_words(
    room: DiskRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, "CANARY")

    async with open_stage(room) as taking:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StorageFull) as refused:
            await taking.take(pieces(b"x"))
        monkeypatch.undo()
    assert "CANARY" not in str(refused.value)


async def test_a_file_that_is_being_written_is_not_closed_when_its_caller_goes(
    room: DiskRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread would write on: into the next file that gets the number."""
    begun, go_on, written = threading.Event(), threading.Event(), list[int]()
    append = stage.append

    def slow(fd: int, piece: bytes) -> None:
        begun.set()
        go_on.wait(60)
        append(fd, piece)
        written.append(os.fstat(fd).st_size)

    monkeypatch.setattr(stage, "append", slow)

    async def taken() -> None:
        async with open_stage(room) as taking:
            await taking.take(pieces(b"x"))

    task = asyncio.create_task(taken())
    await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert written == [1]
