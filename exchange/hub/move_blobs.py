"""Move payloads from one store to another, while hubs serve from both.

Every hub of this database reads from both stores and writes to the target alone. So a blob may be
deleted in the source as soon as it is durable in the target, and whatever a crash leaves undone
the next run does: what lies in both is compared, then deleted in the source.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from exchange.errors import Misconfigured, NotFound, Tampered
from exchange.hub.parts import Hub
from exchange.hub.storage import uploads
from exchange.hub.storage.blobs import Blobs
from exchange.hub.storage.two_blobs import TwoBlobs
from exchange.hub.storage.uploads import Described

BATCH = 200
"""Blobs whose rows are asked for at once: names and answers fit into one line of the control."""
_EVER = datetime.max.replace(tzinfo=UTC)

Rows: TypeAlias = Callable[[Sequence[str]], Awaitable[Mapping[str, Described]]]
"""Returns what rows say of those blobs that they name."""
Progress: TypeAlias = Callable[[int, int, int], None]
"""Told the blobs looked at, how many there are, and the bytes moved."""


@dataclass(slots=True)
class Moved:
    """What a run has done, and what it has left in the source."""

    blobs: int = 0
    size: int = 0
    """Bytes of what was moved."""
    unnamed: int = 0
    """Blobs that no row names: on their way, or left by a crash, which the sweeper removes."""
    damaged: int = 0
    """Blobs that are not what their row says; they stay where they are."""


async def described(hub: Hub, names: Sequence[str]) -> Mapping[str, Described]:
    """Return what rows say of blobs, to whoever moves them.

    Raises:
        Misconfigured: this hub does not read from two stores, so nothing may be moved.
    """
    if not isinstance(hub.blobs, TwoBlobs):
        raise Misconfigured("the running hub knows one store only: restart it with blobs_also set")
    return await hub.db.read(uploads.described, names)


async def move_blobs(
    source: Blobs, target: Blobs, rows: Rows, *, parallel: int, progress: Progress
) -> Moved:
    """Move what rows name from `source` to `target`; can be interrupted and repeated at any time.

    Args:
        source: every hub reads from it, none writes to it.
        target: every hub writes to it.
        rows: what the database says.
        parallel: how many blobs are on their way at once; memory is bounded by it.
        progress: told after each blob.

    Raises:
        Unavailable: a store or the database does not answer; run it again.
    """
    found, done = Moved(), 0
    total = 0
    async for page in source.names(before=_EVER):
        total += len(page)
    slots = asyncio.Semaphore(parallel)

    async def one(name: str, row: Described) -> None:
        nonlocal done
        async with slots:
            await _move(source, target, name, row, rows, found)
        done += 1
        progress(done, total, found.size)

    async for page in source.names(before=_EVER):
        for first in range(0, len(page), BATCH):
            batch = page[first : first + BATCH]
            named = await rows(batch)
            found.unnamed += len(batch) - len(named)
            done += len(batch) - len(named)
            try:
                async with asyncio.TaskGroup() as group:
                    for name, row in named.items():
                        group.create_task(one(name, row))
            except ExceptionGroup as several:
                raise several.exceptions[0] from None
    return found


async def _move(
    source: Blobs, target: Blobs, name: str, row: Described, rows: Rows, found: Moved
) -> None:
    try:
        await _copy(source, target, name, row)
    except NotFound:
        # Not needed any more since it was listed, or moved by somebody else; else it is cut short.
        if name in await rows([name]) and not await _holds(target, name, row):
            found.damaged += 1
        return
    except Tampered:
        found.damaged += 1
        return
    # Durable in the target. A crash here leaves it in both; the next run compares and deletes.
    await source.delete(name)
    found.blobs += 1
    found.size += row.size


async def _copy(source: Blobs, target: Blobs, name: str, row: Described) -> None:
    """Return once the blob lies whole in the target.

    Raises:
        NotFound: it is not in the source (any more).
        Tampered: it is not what its row says, here or there; nothing new is in the target.
    """
    try:
        async with aclosing(_verified(source, name, row)) as chunks:
            await target.put(name, chunks, limit=row.size, known=True)
    except FileExistsError:  # put there by a run that ended before it deleted it here
        expected = row.sha256 or await _digest(source, name, row.size)
        if await _digest(target, name, row.size) != expected:
            raise Tampered from None


async def _verified(source: Blobs, name: str, row: Described) -> AsyncGenerator[bytes, None]:
    """Yield a blob; fail before its end is accepted if it is not what the row says."""
    digest = hashlib.sha256()
    async with aclosing(source.read(name, 0, row.size)) as chunks:
        async for chunk in chunks:
            digest.update(chunk)
            yield chunk
    if row.sha256 not in {None, digest.hexdigest()}:
        raise Tampered


async def _holds(blobs: Blobs, name: str, row: Described) -> bool:
    try:
        return row.sha256 in {None, await _digest(blobs, name, row.size)}
    except NotFound:
        return False


async def _digest(blobs: Blobs, name: str, size: int) -> str:
    digest = hashlib.sha256()
    async with aclosing(blobs.read(name, 0, size)) as chunks:
        async for chunk in chunks:
            digest.update(chunk)
    return digest.hexdigest()
