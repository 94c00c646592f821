"""exchange.hub.storage.blobs: kept whole or not at all, read in parts, deleted twice."""

import errno
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exchange.errors import Malformed, NotFound, StorageFull, TooLarge
from exchange.hub.storage.blobs import CHUNK, Blobs, FileBlobs, Kept, new_name

CONTENT = os.urandom(3 * CHUNK + 17)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return FileBlobs(tmp_path / "blobs")


async def arriving(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for first in range(0, len(data), size):
        yield data[first : first + size]


async def read(blobs: Blobs, name: str, first: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in blobs.read(name, first, end)])


async def test_what_is_kept_comes_back_in_any_range(blobs: Blobs) -> None:
    name = new_name()
    kept = await blobs.put(name, arriving(CONTENT), limit=len(CONTENT))
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert kept == Kept(blob=name, size=len(CONTENT), sha256=digest)
    size = len(CONTENT)
    for first, end in ((0, size), (0, 1), (size - 1, size), (CHUNK - 1, CHUNK + 1), (5, 5)):
        assert await read(blobs, name, first, end) == CONTENT[first:end]


async def test_a_large_stream_is_kept(blobs: Blobs) -> None:
    async def zeros() -> AsyncIterator[bytes]:
        for _ in range(1024):
            yield bytes(65_536)

    kept = await blobs.put(new_name(), zeros(), limit=2**26)
    assert kept.size == 2**26


async def test_a_name_is_used_once(blobs: Blobs) -> None:
    name = new_name()
    await blobs.put(name, arriving(b"first"), limit=100)
    with pytest.raises(FileExistsError):
        await blobs.put(name, arriving(b"second"), limit=100)
    assert await read(blobs, name, 0, 5) == b"first"


async def test_more_than_the_limit_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        await blobs.put(new_name(), arriving(CONTENT), limit=len(CONTENT) - 1)
    assert list((tmp_path / "blobs").iterdir()) == []


async def test_an_aborted_stream_is_invisible(blobs: Blobs, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put(new_name(), broken(), limit=2**30)
    assert list((tmp_path / "blobs").iterdir()) == []


async def test_a_full_disk_leaves_nothing(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull):
        await blobs.put(new_name(), arriving(CONTENT), limit=2**30)
    monkeypatch.undo()
    assert list((tmp_path / "blobs").iterdir()) == []


async def test_deleting_twice_is_no_error_and_reading_afterwards_is_not_found(
    blobs: Blobs,
) -> None:
    name = new_name()
    await blobs.put(name, arriving(b"content"), limit=100)
    await blobs.delete(name)
    await blobs.delete(name)
    with pytest.raises(NotFound):
        await read(blobs, name, 0, 7)


async def test_reading_beyond_the_end_is_not_found(blobs: Blobs) -> None:
    name = new_name()
    await blobs.put(name, arriving(b"content"), limit=100)
    with pytest.raises(NotFound):
        await read(blobs, name, 0, 8)


async def test_files_are_readable_by_the_hub_only(blobs: Blobs, tmp_path: Path) -> None:
    await blobs.put(new_name(), arriving(b"content"), limit=100)
    (file,) = (tmp_path / "blobs").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "blobs").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "..", "../hub.sqlite", "a/b", "x" * 32, "A" * 32, "0" * 31])
async def test_only_names_of_blobs_are_names(blobs: Blobs, name: str) -> None:
    with pytest.raises(Malformed):
        await blobs.put(name, arriving(b"content"), limit=100)
    with pytest.raises(Malformed):
        await blobs.delete(name)
    with pytest.raises(Malformed):
        await read(blobs, name, 0, 1)


async def test_old_blobs_are_listed_and_what_else_lies_there_is_left_alone(
    blobs: Blobs, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    old, young = new_name(), new_name()
    for name in (old, young):
        await blobs.put(name, arriving(b"content"), limit=100)
    directory = tmp_path / "blobs"
    (directory / "lost+found").write_bytes(b"")
    yesterday = (now - timedelta(days=2)).timestamp()
    for name in (old, "lost+found"):
        os.utime(directory / name, (yesterday, yesterday))
    assert await blobs.names(before=now - timedelta(days=1)) == (old,)
    assert len(list(directory.iterdir())) == 3
    assert await blobs.free() > 0
