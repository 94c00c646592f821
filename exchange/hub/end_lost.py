"""End what has lost its payload, so that its sender sends it again: a payload is in no backup.

After a restoration everything that waits is looked at before the hub serves. In everyday life
only what a recipient asked for in vain is, and only after an hour of being asked for in vain: a
store may need a moment to show what it was given.
"""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from exchange.errors import NotFound
from exchange.hub.parts import Hub
from exchange.hub.storage import ending, restorations, uploads
from exchange.hub.storage.ending import Due
from exchange.hub.storage.uploads import Waiting

BATCH = 100
"""Disclosures per unit of work."""
LOST_AFTER = timedelta(hours=1)
"""How long a payload may be missing before it is lost."""


async def finish_restoration(hub: Hub) -> None:
    """End everything without its payload in a database that came from a backup; once.

    Nothing is served before: a recipient would be told that something waits that never comes.
    A crash in here leaves the restoration unfinished, and the next start goes on.

    Raises:
        Unavailable: the store of payloads does not answer, so nobody knows what is lost.
    """
    if await hub.db.read(restorations.unfinished) is None:
        return
    await hub.blobs.check()
    ended, after = 0, ""
    while page := await hub.db.read(uploads.waiting, after=after, limit=BATCH):
        ended += await _end(hub, [one for one in page if not await _is_there(hub, one)])
        after = page[-1].blob
    await hub.db.write(restorations.finish, at=hub.clock())
    structlog.get_logger("exchange.hub").warning("restored", count=ended)


async def end_lost(hub: Hub) -> None:
    """End disclosures whose payload was asked for in vain for an hour, and still is not there.

    Raises:
        Unavailable: the store of payloads does not answer.
    """
    before = hub.clock() - LOST_AFTER
    overdue = [blob for blob, since in hub.missing.items() if since <= before]
    for first in range(0, len(overdue), BATCH):
        batch = overdue[first : first + BATCH]
        await hub.blobs.check()
        named = await hub.db.read(uploads.waiting_for, batch)
        await _end(hub, [one for one in named if not await _is_there(hub, one)])
        for blob in batch:
            hub.missing.pop(blob, None)


async def _is_there(hub: Hub, found: Waiting) -> bool:
    """Tell whether a blob is there to its last byte."""
    try:
        async with aclosing(hub.blobs.read(found.blob, found.size - 1, found.size)) as chunks:
            return [len(chunk) async for chunk in chunks] == [1]
    except NotFound:
        return False


async def _end(hub: Hub, lost: Sequence[Waiting]) -> int:
    if not lost:
        return 0
    found = {one.disclosure: Due(id=one.disclosure, chain=one.chain) for one in lost}
    chains = await hub.vault.chains({one.chain for one in lost})

    def work(conn: Connection) -> tuple[str, ...]:
        return ending.end_lost(conn, tuple(found.values()), chains, at=hub.clock())

    return len(await hub.db.write(work))
