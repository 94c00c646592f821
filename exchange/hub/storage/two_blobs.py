"""Two stores as one, while payloads move from one to the other."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime

from exchange.errors import NotFound
from exchange.hub.storage.blobs import Blobs, Kept


class TwoBlobs:
    """`Blobs` that writes to one store and reads from both.

    Whoever moves a blob deletes it in the other store only once it is durable here. So the other
    one is asked first: what it does not have (any more) is here, or nowhere.
    """

    def __init__(self, blobs: Blobs, also: Blobs) -> None:
        """Write to `blobs`; what it does not hold yet is in `also`."""
        self._blobs = blobs
        self._also = also

    async def put(
        self, name: str, chunks: AsyncIterator[bytes], *, limit: int, known: bool = False
    ) -> Kept:
        """See `Blobs.put`."""
        return await self._blobs.put(name, chunks, limit=limit, known=known)

    async def read(self, name: str, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """See `Blobs.read`. A blob that moves while it is read goes on where it is then."""
        try:
            async with aclosing(self._also.read(name, first, end)) as chunks:
                async for chunk in chunks:
                    first += len(chunk)
                    yield chunk
        except NotFound:
            async with aclosing(self._blobs.read(name, first, end)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def delete(self, name: str) -> None:
        """See `Blobs.delete`."""
        await self._also.delete(name)
        await self._blobs.delete(name)

    async def names(self, *, before: datetime) -> AsyncIterator[tuple[str, ...]]:
        """See `Blobs.names`; what just moves may be named twice."""
        for store in (self._also, self._blobs):
            async for page in store.names(before=before):
                yield page

    def free(self) -> int | None:
        """See `Blobs.free`."""
        return self._blobs.free()

    async def check(self) -> None:
        """See `Blobs.check`: both have to answer, each holds what is waited for."""
        await self._also.check()
        await self._blobs.check()
