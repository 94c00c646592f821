"""Recomputes the whole log from its entries, at the start and once a night, a little at a time.

Logs have died of one flipped bit in a stored hash: whatever was built on it was signed. What is
found here stops the signer before anything more is built on it.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice

import structlog
from sqlalchemy import Connection

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.merkle import HASH_SIZE, TILE_WIDTH
from exchange.audit.tiles import Bundle, Tile, encode_bundle
from exchange.audit.whole import Audit, check_roots, parts_of
from exchange.errors import ExchangeError, LogInvalid
from exchange.hub.heads import DAMAGED
from exchange.hub.parts import Hub
from exchange.hub.relay import pause
from exchange.hub.storage import checkpoints, tree

EVERY_S = 86_400.0
"""Seconds between two passes."""
RETRY_S = 60.0
"""Seconds until a pass is begun again that the database did not let end."""
PARTS = 32
"""Bundles and tiles read in one unit of work: some milliseconds."""
REST = 4
"""How many times as long as it reads a pass rests: it takes a fifth of one thread at most."""


async def run(hub: Hub, stop: asyncio.Event) -> None:
    """Recompute at once, and then every day, until `stop` is set."""
    events = structlog.get_logger("exchange.hub.log")
    while not stop.is_set():
        try:
            size = await recompute(hub, stop)
        except LogInvalid as error:
            events.error("log-damaged", code=error.what, span=error.span)
            hub.heads.stop(DAMAGED)
            await stop.wait()
        except ExchangeError as error:
            events.warning("recompute-waits", code=type(error).__name__)
            await pause(stop, RETRY_S)
        else:
            events.info("log-recomputed", size=size)
            await pause(stop, EVERY_S)


async def recompute(hub: Hub, stop: asyncio.Event) -> int:
    """Return the size up to which entries, tiles and the newest signed head fit each other.

    Raises:
        LogInvalid: they do not; with the entries among which the fault lies.
        Unavailable: the database is away.
    """
    head = await hub.db.read(checkpoints.newest)
    if head is None:
        return 0
    ticks = asyncio.get_running_loop().time
    audit, parts = Audit(head.size), parts_of(head.size)
    while some := tuple(islice(parts, PARTS)):
        began = ticks()
        await hub.db.read(_feed, audit, some)
        await pause(stop, REST * (ticks() - began))
        if stop.is_set():
            return 0
    check_roots(audit.roots(), [Checkpoint(hub.signer.origin, head.size, head.root)])
    return head.size


def _feed(conn: Connection, audit: Audit, parts: Sequence[Bundle | Tile]) -> None:
    for part in parts:
        if isinstance(part, Bundle):
            raw = encode_bundle(tree.leaves(conn, part.n * TILE_WIDTH, part.width))
        else:
            raw = tree.row(conn, part.level, part.n)[: part.width * HASH_SIZE]
        audit.feed(part, raw)
