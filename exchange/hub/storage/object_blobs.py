"""Payloads as objects of an S3-compatible store; the one module that imports obstore.

Imported only where the settings name a bucket. Every request to the store is small and has its own
deadline, however slow the client on the other side is, so nothing hangs on either of them.
"""

import asyncio
import atexit
import hashlib
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, S3Store

from exchange.errors import ExchangeError, NotFound, TooLarge, Unavailable
from exchange.hub.storage.blobs import CHUNK, Kept, checked, is_name

if TYPE_CHECKING:  # there is nothing behind it at run time
    from obstore.store import S3Config

# The library's runtime has threads of its own and no way to stop them: without a moment for them,
# short programs now and then end with SIGABRT instead of their exit code.
atexit.register(time.sleep, 0.25)

PART = 5 * 1024 * 1024
"""Bytes of one part of a large object, the least that S3 takes; what is smaller is one request."""
PARTS_AT_ONCE = 1
"""Parts on their way to the store while the next one is gathered: two parts of memory."""
RANGE = 4 * 1024 * 1024
"""Bytes asked of the store at once; the next range is fetched while this one is sent."""
PIECE = 512 * 1024
"""Bytes handed to the library, and hashed in a thread, at once."""
AT_ONCE = 64 * 1024
"""Bytes that are hashed in the event loop: less than the way to a thread and back costs."""
PAGE = 1000
"""Names per page of a listing: the most that S3 gives."""
CHECK_S = 5.0
"""Seconds the store has to say that it is there."""
_NOBODY = "0" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where an S3-compatible store is, and how to speak to it."""

    bucket: str
    prefix: str
    """What every name begins with; one hub has it to itself."""
    endpoint: str | None
    """None for the provider's own address of the region."""
    region: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    allow_http: bool
    connect_s: float
    answer_s: float
    """Seconds one request may take."""
    retries: int
    retry_s: float
    """Seconds after the first attempt in which a request is repeated."""


def bucket_blobs(place: Bucket) -> "ObjectBlobs":
    """Return the payloads in a bucket; nothing is asked of it yet."""
    own: S3Config = {} if place.endpoint is None else {"endpoint": place.endpoint}
    store = S3Store(
        place.bucket,
        prefix=place.prefix or None,
        config=own,
        region=place.region,
        virtual_hosted_style_request=place.endpoint is None,
        access_key_id=place.key,
        secret_access_key=place.secret,
        client_options={
            "allow_http": place.allow_http,
            "connect_timeout": timedelta(seconds=place.connect_s),
            "timeout": timedelta(seconds=place.answer_s),
        },
        retry_config={
            "max_retries": place.retries,
            "retry_timeout": timedelta(seconds=place.retry_s),
        },
    )
    return ObjectBlobs(store)


class ObjectBlobs:
    """`Blobs` as objects of a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(
        self, name: str, chunks: AsyncIterator[bytes], *, limit: int, known: bool = False
    ) -> Kept:
        """See `Blobs.put`; an object always appears whole, whether its name is known or not.

        After an error that hides what the store has done, an object may be there that no row
        names: the sweeper removes it.
        """
        path = checked(name)
        arrival = _Arrival(chunks, limit)
        async with aclosing(arrival.pieces()) as pieces:
            begun = await _begun(pieces)
            if arrival.ended:
                await self._put_at_once(path, b"".join(begun), arrival)
            else:
                await self._put_in_parts(path, _Feed(begun, pieces), arrival)
        return Kept(blob=name, size=arrival.size, sha256=arrival.digest.hexdigest())

    async def read(self, name: str, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """See `Blobs.read`. At most two ranges are in memory."""
        path = checked(name)
        coming: asyncio.Future[obstore.Bytes] | None = None
        try:
            for start in range(first, end, RANGE):
                asked = coming or self._fetch(path, start, end)
                with _failing():
                    found = await asked
                if len(found) != min(RANGE, end - start):
                    raise NotFound
                ahead = start + RANGE
                coming = self._fetch(path, ahead, end) if ahead < end else None
                for chunk in range(0, len(found), CHUNK):
                    yield bytes(found[chunk : chunk + CHUNK : 1])
        finally:
            if coming is not None:
                coming.cancel()

    async def delete(self, name: str) -> None:
        """See `Blobs.delete`."""
        try:
            with _failing():
                await obstore.delete_async(self._store, checked(name))
        except NotFound:
            return

    async def names(self, *, before: datetime) -> AsyncIterator[tuple[str, ...]]:
        """See `Blobs.names`; the age of an object is that of the store's clock."""
        with _failing():
            async for page in obstore.list(self._store, chunk_size=PAGE):
                found = tuple(
                    entry["path"]
                    for entry in page
                    if is_name(entry["path"]) and entry["last_modified"] < before
                )
                if found:
                    yield found

    def free(self) -> None:
        """See `Blobs.free`: a bucket does not say."""
        return

    async def check(self) -> None:
        """See `Blobs.check`."""
        try:
            async with asyncio.timeout(CHECK_S):
                with _failing():
                    await obstore.head_async(self._store, _NOBODY)
        except NotFound:
            return
        except TimeoutError:
            raise Unavailable("the store of the payloads does not answer") from None

    async def _put_at_once(self, path: str, content: bytes, arrival: "_Arrival") -> None:
        try:
            with _failing(absent=Unavailable):
                await obstore.put_async(
                    self._store, path, content, mode="create", use_multipart=False
                )
        except FileExistsError:
            # Also what the library's own repetition of a request is told whose answer got lost.
            await self._compare(path, arrival)

    async def _put_in_parts(self, path: str, feed: "_Feed", arrival: "_Arrival") -> None:
        if await self._size(path) is not None:
            async for _ in feed:
                continue  # all of it, for its digest
            await self._compare(path, arrival)
            return
        # Nothing can be put here between that look and the end: a name is drawn at random by the
        # one who uses it, and under a known name there are only ever the same bytes. Asked to
        # create only, the library would hold the whole object in memory.
        try:
            with _failing(absent=Unavailable):
                await obstore.put_async(
                    self._store,
                    path,
                    feed,
                    use_multipart=True,
                    chunk_size=PART,
                    max_concurrency=PARTS_AT_ONCE,
                )
        finally:
            await feed.stop()

    async def _compare(self, path: str, arrival: "_Arrival") -> None:
        """Return if the object at `path` is, byte for byte, what has arrived."""
        digest = hashlib.sha256()
        if await self._size(path) == arrival.size:
            async with aclosing(self.read(path, 0, arrival.size)) as chunks:
                async for chunk in chunks:
                    digest.update(chunk)
            if digest.digest() == arrival.digest.digest():
                return
        raise FileExistsError

    async def _size(self, path: str) -> int | None:
        try:
            with _failing():
                return (await obstore.head_async(self._store, path))["size"]
        except NotFound:
            return None

    def _fetch(self, path: str, first: int, end: int) -> "asyncio.Future[obstore.Bytes]":
        """Ask for the next range; nobody need wait for the answer."""
        last = min(first + RANGE, end)
        asked = obstore.get_range_async(self._store, path, start=first, end=last)
        coming = asyncio.ensure_future(asked)
        coming.add_done_callback(lambda done: done.cancelled() or done.exception())
        return coming


class _Arrival:
    """What arrives for one blob: counted and hashed on its way, gathered into pieces."""

    def __init__(self, chunks: AsyncIterator[bytes], limit: int) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self.ended = False
        self._chunks = chunks
        self._limit = limit

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield pieces of about `PIECE` bytes; each was hashed before."""
        waiting, gathered = list[bytes](), 0
        async for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise TooLarge(f"more than {self._limit} bytes")
            waiting.append(chunk)
            gathered += len(chunk)
            if gathered >= PIECE:
                yield await self._hashed(waiting)
                waiting, gathered = [], 0
        last = await self._hashed(waiting)
        self.ended = True
        if last:
            yield last

    async def _hashed(self, waiting: list[bytes]) -> bytes:
        piece = b"".join(waiting)
        if len(piece) > AT_ONCE:
            await asyncio.to_thread(self.digest.update, piece)
        else:
            self.digest.update(piece)
        return piece


class _Feed:
    """What the library takes pieces from, in tasks of its own; `stop` ends one that waits."""

    def __init__(self, begun: Iterable[bytes], pieces: AsyncIterator[bytes]) -> None:
        self._begun = deque(begun)
        self._pieces = pieces
        self._task: asyncio.Task[object] | None = None

    def __aiter__(self) -> "_Feed":
        return self

    async def __anext__(self) -> bytes:
        if self._begun:
            return self._begun.popleft()  # and forget it: the library keeps what it still needs
        self._task = asyncio.current_task()
        try:
            return await anext(self._pieces)
        finally:
            self._task = None

    async def stop(self) -> None:
        """Return once nobody waits for a piece any more."""
        if (task := self._task) is not None:
            task.cancel()
            await asyncio.wait({task})


async def _begun(pieces: AsyncIterator[bytes]) -> list[bytes]:
    """Return the first pieces: more than one part of them, or all there are."""
    begun, size = list[bytes](), 0
    while size <= PART and (piece := await anext(pieces, None)) is not None:
        begun.append(piece)
        size += len(piece)
    return begun


@contextmanager
def _failing(*, absent: type[ExchangeError] = NotFound) -> Iterator[None]:
    """Turn what the library raises into our errors, in this one place.

    Args:
        absent: what it means that something is not there.
    """
    try:
        yield
    except FileNotFoundError:
        raise absent from None
    except AlreadyExistsError:
        raise FileExistsError from None
    except BaseError as error:
        # Its text quotes the store's whole answer; the kind says whom to ask.
        kind = type(error).__name__
        structlog.get_logger("exchange.hub.blobs").warning("store-fails", code=kind)
        raise Unavailable(f"the store of the payloads fails: {kind}") from None
