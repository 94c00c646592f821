"""The stores of payloads: kept whole or not at all, read in parts, deleted twice, on all of them.

One contract for the hub's own disk, for a real S3 server, and for two stand-ins of the S3 library
that need no server.
"""

import asyncio
import errno
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore

from exchange.errors import Malformed, NotFound, StorageFull, TooLarge, Unavailable
from exchange.hub.storage.blobs import CHUNK, Blobs, Kept, discard, new_name
from exchange.hub.storage.file_blobs import FileBlobs
from exchange.hub.storage.object_blobs import PART, RANGE, Bucket, ObjectBlobs, bucket_blobs
from exchange.hub.storage.two_blobs import TwoBlobs
from tests.swift import KEY, REGION, SECRET, Server

MEBI = 1024 * 1024
SMALL = os.urandom(3 * CHUNK + 17)
LARGE = os.urandom(2 * PART + RANGE + 4711)
"""Three parts on the way in, four ranges on the way out, no round number."""
EVER = datetime(9999, 1, 1, tzinfo=UTC)


async def arriving(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for first in range(0, len(data), size):
        yield data[first : first + size]


async def read(blobs: Blobs, name: str, first: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in blobs.read(name, first, end)])


async def names(blobs: Blobs, before: datetime = EVER) -> set[str]:
    return {name async for page in blobs.names(before=before) for name in page}


class BlobsContract(ABC):
    """What every store of payloads promises."""

    @abstractmethod
    @pytest.fixture
    def blobs(self) -> Blobs:
        """An empty store."""

    @pytest.mark.parametrize("content", [b"", b"x", SMALL, LARGE[:PART], LARGE])
    async def test_what_is_kept_comes_back_in_any_range(self, blobs: Blobs, content: bytes) -> None:
        name, size = new_name(), len(content)
        kept = await blobs.put(name, arriving(content), limit=size)
        digest = hashlib.sha256(content).hexdigest()
        assert kept == Kept(blob=name, size=size, sha256=digest)
        for first, end in (
            (0, size),
            (0, min(1, size)),
            (max(size - 1, 0), size),
            (min(RANGE - 1, size), min(RANGE + 1, size)),
            (min(CHUNK - 1, size), size),
        ):
            assert await read(blobs, name, first, end) == content[first:end]

    async def test_a_name_is_used_once(self, blobs: Blobs) -> None:
        for content in (SMALL, LARGE):
            name = new_name()
            await blobs.put(name, arriving(content), limit=len(content))
            other = bytes(len(content))
            for known in (False, True):
                with pytest.raises(FileExistsError):
                    await blobs.put(name, arriving(other), limit=len(other), known=known)
            assert await read(blobs, name, 0, len(content)) == content
            assert await names(blobs) == {name}
            await blobs.delete(name)

    @pytest.mark.parametrize("content", [SMALL, LARGE])
    async def test_more_than_the_limit_leaves_nothing(self, blobs: Blobs, content: bytes) -> None:
        with pytest.raises(TooLarge):
            await blobs.put(new_name(), arriving(content), limit=len(content) - 1)
        assert await names(blobs) == set()

    @pytest.mark.parametrize("content", [SMALL, LARGE])
    async def test_an_aborted_stream_is_invisible_and_raises_what_broke_it(
        self, blobs: Blobs, content: bytes
    ) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield content
            raise ConnectionResetError

        for known in (False, True):
            with pytest.raises(ConnectionResetError):
                await blobs.put(new_name(), broken(), limit=2**30, known=known)
        assert await names(blobs) == set()

    async def test_nothing_is_seen_before_all_has_arrived(self, blobs: Blobs) -> None:
        """Where the name is known already: on disk an unknown one may be there in part."""
        name = new_name()
        seen = []

        async def watched() -> AsyncIterator[bytes]:
            async for chunk in arriving(LARGE, MEBI):
                yield chunk
                seen.append(name in await names(blobs))

        await blobs.put(name, watched(), limit=len(LARGE), known=True)

        assert not any(seen)
        assert await names(blobs) == {name}

    async def test_deleting_twice_is_no_error_and_reading_afterwards_is_not_found(
        self, blobs: Blobs
    ) -> None:
        name = new_name()
        await blobs.put(name, arriving(b"content"), limit=100)
        await blobs.delete(name)
        await blobs.delete(name)
        with pytest.raises(NotFound):
            await read(blobs, name, 0, 7)

    async def test_reading_beyond_the_end_is_not_found(self, blobs: Blobs) -> None:
        name = new_name()
        await blobs.put(name, arriving(b"content"), limit=100)
        with pytest.raises(NotFound):
            await read(blobs, name, 0, 8)

    @pytest.mark.parametrize(
        "name", ["", "..", "../hub.sqlite", "a/b", "x" * 32, "A" * 32, "0" * 31, "0" * 32 + "\n"]
    )
    async def test_only_names_of_blobs_are_names(self, blobs: Blobs, name: str) -> None:
        with pytest.raises(Malformed):
            await blobs.put(name, arriving(b"content"), limit=100)
        with pytest.raises(Malformed):
            await blobs.delete(name)
        with pytest.raises(Malformed):
            await read(blobs, name, 0, 1)

    async def test_names_tell_what_was_made_before_a_moment(self, blobs: Blobs) -> None:
        name = new_name()
        await blobs.put(name, arriving(b"content"), limit=100)
        now = datetime.now(UTC)
        assert await names(blobs, now + timedelta(hours=1)) == {name}
        assert await names(blobs, now - timedelta(hours=1)) == set()

    async def test_a_reader_may_leave_at_any_moment(self, blobs: Blobs) -> None:
        name = new_name()
        await blobs.put(name, arriving(LARGE), limit=len(LARGE))
        async with aclosing(blobs.read(name, 0, len(LARGE))) as chunks:
            assert await anext(chunks) == LARGE[:CHUNK]
        assert await read(blobs, name, 5, 9) == LARGE[5:9]

    async def test_it_answers(self, blobs: Blobs) -> None:
        await blobs.check()
        free = blobs.free()
        assert free is None or free > 0


class TestOnDisk(BlobsContract):
    """The hub's own disk."""

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        return FileBlobs(tmp_path / "blobs")

    async def test_nothing_lies_there_after_an_error(self, blobs: Blobs, tmp_path: Path) -> None:
        with pytest.raises(TooLarge):
            await blobs.put(new_name(), arriving(SMALL), limit=5, known=True)
        name = new_name()
        await blobs.put(name, arriving(b"first"), limit=5)
        with pytest.raises(FileExistsError):
            await blobs.put(name, arriving(b"other"), limit=5, known=True)
        assert [entry.name for entry in (tmp_path / "blobs").iterdir()] == [name]

    async def test_a_full_disk_leaves_nothing(
        self, blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_fd: int, _data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StorageFull):
            await blobs.put(new_name(), arriving(SMALL), limit=2**30)
        monkeypatch.undo()
        assert list((tmp_path / "blobs").iterdir()) == []

    async def test_a_directory_that_is_gone_is_unavailable(
        self, blobs: Blobs, tmp_path: Path
    ) -> None:
        (tmp_path / "blobs").rmdir()
        with pytest.raises(Unavailable):
            await blobs.check()
        with pytest.raises(Unavailable):
            blobs.free()
        with pytest.raises(Unavailable):
            await names(blobs)
        with pytest.raises(Unavailable):
            await blobs.put(new_name(), arriving(b"content"), limit=100)

    async def test_files_are_readable_by_the_hub_only(self, blobs: Blobs, tmp_path: Path) -> None:
        for known in (False, True):
            await blobs.put(new_name(), arriving(b"content"), limit=100, known=known)
        modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "blobs").iterdir()}
        assert modes == {0o600}
        assert (tmp_path / "blobs").stat().st_mode & 0o777 == 0o700

    async def test_what_else_lies_there_is_left_alone(self, blobs: Blobs, tmp_path: Path) -> None:
        (tmp_path / "blobs" / "lost+found").write_bytes(b"")
        for _ in range(3):
            await blobs.put(new_name(), arriving(b"content"), limit=100)
        assert len(await names(blobs)) == 3


class TestOnStandInOnDisk(BlobsContract):
    """The S3 library's own store on disk: never ours, because it syncs nothing."""

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        return ObjectBlobs(LocalStore(tmp_path))


class TestOnStandInInMemory(BlobsContract):
    """The S3 library's own store in memory."""

    @pytest.fixture
    def blobs(self) -> Blobs:
        return ObjectBlobs(MemoryStore())


class TestOnTwo(BlobsContract):
    """Two stores as one, while payloads move."""

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        return TwoBlobs(FileBlobs(tmp_path / "new"), ObjectBlobs(MemoryStore()))

    async def test_what_lies_in_either_is_read_listed_and_deleted(self, tmp_path: Path) -> None:
        new, old = FileBlobs(tmp_path / "new"), FileBlobs(tmp_path / "old")
        both = TwoBlobs(new, old)
        here, there = new_name(), new_name()
        await both.put(here, arriving(b"new"), limit=3)
        await old.put(there, arriving(b"old"), limit=3)

        assert await names(new) == {here}
        assert await names(both) == {here, there}
        assert (await read(both, here, 0, 3), await read(both, there, 1, 3)) == (b"new", b"ld")
        for name in (here, there):
            await both.delete(name)
        assert await names(both) == set()

    async def test_a_blob_that_moves_under_its_reader_goes_on(self, tmp_path: Path) -> None:
        new, old = FileBlobs(tmp_path / "new"), ObjectBlobs(MemoryStore())
        name = new_name()
        await old.put(name, arriving(LARGE), limit=len(LARGE))
        seen = bytearray()
        async with aclosing(TwoBlobs(new, old).read(name, 3, len(LARGE))) as chunks:
            async for chunk in chunks:
                if not seen:
                    await new.put(name, arriving(LARGE), limit=len(LARGE), known=True)
                    await old.delete(name)
                seen += chunk
        assert bytes(seen) == LARGE[3:]

    async def test_both_have_to_answer(self, tmp_path: Path) -> None:
        for gone in ("new", "old"):
            blobs = TwoBlobs(FileBlobs(tmp_path / "new"), FileBlobs(tmp_path / "old"))
            await blobs.check()
            (tmp_path / gone).rmdir()
            with pytest.raises(Unavailable):
                await blobs.check()


@pytest.mark.xdist_group("s3")
class TestOnS3(BlobsContract):
    """A real S3 server."""

    @pytest.fixture
    async def place(self, s3_server: Server) -> Bucket:
        return Bucket(
            bucket=await s3_server.make_bucket(),
            prefix="hub/payloads",
            endpoint=s3_server.endpoint,
            region=REGION,
            key=KEY,
            secret=SECRET,
            allow_http=True,
            connect_s=5,
            answer_s=60,
            retries=3,
            retry_s=20,
        )

    @pytest.fixture
    def blobs(self, place: Bucket) -> Blobs:
        return bucket_blobs(place)

    async def test_the_same_bytes_under_the_same_name_are_accepted(self, blobs: Blobs) -> None:
        """A repetition by the library, after a lost answer, is told that the name is taken."""
        for content in (SMALL, LARGE):
            name = new_name()
            first = await blobs.put(name, arriving(content), limit=len(content))
            assert await blobs.put(name, arriving(content), limit=len(content)) == first

    async def test_large_streams_go_in_and_out_in_constant_memory(self, blobs: Blobs) -> None:
        size, piece = 256 * MEBI, os.urandom(MEBI)
        digest = hashlib.sha256()

        async def much() -> AsyncIterator[bytes]:
            for _ in range(size // MEBI):
                digest.update(piece)
                yield piece

        name = new_name()
        forget_peak()
        before = resident("VmRSS")
        kept = await blobs.put(name, much(), limit=size)
        assert (kept.size, kept.sha256) == (size, digest.hexdigest())
        got = hashlib.sha256()
        async for chunk in blobs.read(name, 0, size):
            got.update(chunk)
        assert got.digest() == digest.digest()
        assert resident("VmHWM") - before < 100 * MEBI

    async def test_an_aborted_upload_leaves_no_part(self, blobs: Blobs, s3_server: Server) -> None:
        before = s3_server.occupied()

        async def broken() -> AsyncIterator[bytes]:
            yield LARGE
            for _ in range(1000):
                await asyncio.sleep(0.01)
                if s3_server.occupied() >= before + PART:
                    raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await blobs.put(new_name(), broken(), limit=2**30)

        assert s3_server.occupied() - before < PART

    async def test_an_upload_that_is_not_wanted_any_more_ends(self, blobs: Blobs) -> None:
        async def silent() -> AsyncIterator[bytes]:
            yield LARGE
            await asyncio.Event().wait()

        putting = asyncio.create_task(blobs.put(new_name(), silent(), limit=2**30))
        await asyncio.sleep(0.5)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        assert await names(blobs) == set()

    async def test_objects_lie_under_the_prefix_and_others_are_left_alone(
        self, blobs: Blobs, place: Bucket, s3_server: Server
    ) -> None:
        beside = s3_server.store(place.bucket)
        for path in (new_name(), f"hub/{new_name()}", "hub/payloads/notes.txt"):
            await obstore.put_async(beside, path, b"foreign")
        name = new_name()
        await blobs.put(name, arriving(b"content"), limit=100)

        assert await names(blobs) == {name}
        found = await obstore.get_range_async(beside, f"hub/payloads/{name}", start=0, end=7)
        assert bytes(found) == b"content"

    async def test_a_wrong_secret_and_a_missing_bucket_are_unavailable(self, place: Bucket) -> None:
        from dataclasses import replace

        for wrong in (
            replace(place, secret="not-it"),
            replace(place, bucket="no-such-bucket"),
            replace(place, endpoint="http://127.0.0.1:9", retries=0),
        ):
            blobs = bucket_blobs(wrong)
            with pytest.raises(Unavailable):
                await blobs.put(new_name(), arriving(b"content"), limit=100)
            with pytest.raises(Unavailable):
                await blobs.put(new_name(), arriving(LARGE), limit=len(LARGE))
            with pytest.raises(Unavailable):
                await names(blobs)

    async def test_a_place_does_not_show_its_secrets(self, place: Bucket) -> None:
        assert SECRET not in repr(place)
        assert KEY not in repr(place)


async def test_what_cannot_be_discarded_now_is_left_to_the_sweeper(tmp_path: Path) -> None:
    class Failing(FileBlobs):
        async def delete(self, name: str) -> None:
            raise Unavailable

    await discard(Failing(tmp_path), new_name())


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def resident(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
