"""Names the heads that witnesses cosign, publishes them, and forgets old ones.

Heads are signed every tick, but witnesses that each took the newest would cosign different ones
and never be a quorum. So one head at a time is the candidate; it is also what the public sees,
because a public head for each entry would tell when each entry came.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from exchange.audit.cosignature import time_of
from exchange.audit.note import write_line
from exchange.audit.policy import NONE
from exchange.errors import ExchangeError, Unavailable
from exchange.hub.parts import Hub
from exchange.hub.relay import pause
from exchange.hub.settings import Log
from exchange.hub.signer import head_cosigned, own_head
from exchange.hub.storage import checkpoints, tree
from exchange.hub.storage.checkpoints import Cosigned, Kept
from exchange.statement import seconds

LOOK_S = 0.5
"""Seconds between two looks whether a head is to be named or published."""
PATIENCE = timedelta(seconds=60)
"""How long the public waits for the quorum of a candidate: then it sees the newest without."""
THIN_S = 3600.0
"""Seconds between two rounds of forgetting heads."""
ALL_KEPT = timedelta(days=1)
"""Every head is kept for so long, afterwards the best of each hour."""
HOURS_KEPT = timedelta(days=365)
"""After that the best of each day, for ever."""
PAGE = 500
"""Heads looked at in one unit of work."""


async def run(hub: Hub, log: Log, stop: asyncio.Event) -> None:
    """Name, publish and forget until `stop` is set."""
    events = structlog.get_logger("exchange.hub.log")
    ticks = asyncio.get_running_loop().time
    thin_at = ticks()
    while not stop.is_set():
        try:
            await publish(hub, log)
            if ticks() >= thin_at:
                thin_at = ticks() + THIN_S
                await thin(hub)
        except ExchangeError as error:
            events.warning("publisher-waits", code=type(error).__name__)
        await pause(stop, LOOK_S)


async def publish(hub: Hub, log: Log) -> None:
    """Name the newest head the candidate if it is time, and publish what has waited too long.

    One replica at a time does it; the others find it done.
    """
    interval = timedelta(seconds=log.witness_interval_s)
    due = await hub.db.read(_due, hub.clock(), interval)
    hub.heads.candidate = due.candidate
    if due.name is None and due.publish is None:
        return
    named = await hub.db.write_behind(_publish, hub, interval)
    if named is not None:
        hub.heads.candidate = hub.heads.named = named


async def thin(hub: Hub) -> None:
    """Forget heads that are old, but the best of each hour, after a year of each day.

    The best is the last with its quorum; without any, the last that was named, or signed at all.
    Every old size can still be proven: the tiles keep it.
    """
    now, above = hub.clock(), -1
    best: Kept | None = None
    while page := await hub.db.read(checkpoints.before, at=now - ALL_KEPT, above=above, limit=PAGE):
        gone, best = worse(page, best, now)
        if gone:
            await hub.db.write_behind(checkpoints.forget, gone)
        above = page[-1].size


def worse(page: Sequence[Kept], best: Kept | None, now: datetime) -> tuple[list[int], Kept | None]:
    """Return the sizes of all heads but the best of each time, and the best of the last one.

    Args:
        page: heads by size.
        best: of the last time on the page before.
        now: hub time.
    """
    gone = []
    for head in page:
        if best is not None and _time(best, now) == _time(head, now):
            loser, best = (best, head) if head.rank >= best.rank else (head, best)
            gone.append(loser.size)
        else:
            best = head
    return gone, best


def _time(head: Kept, now: datetime) -> tuple[int, int, int, int]:
    at = head.signed_at
    hour = at.hour if at > now - HOURS_KEPT else -1
    return at.year, at.month, at.day, hour


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be done with heads, each by its size."""

    candidate: int | None
    """The newest one that was named."""
    name: int | None
    """To be named."""
    publish: int | None
    """To be published although it has no quorum."""


def _due(conn: Connection, now: datetime, interval: timedelta) -> _Due:
    newest = checkpoints.newest(conn)
    candidate = checkpoints.newest_candidate(conn)
    if newest is None or candidate is None:
        return _Due(None, None if newest is None else newest.size, None)
    head, named_at = candidate
    grown = newest.size > head.size and now >= named_at + interval
    served = checkpoints.published(conn)
    waits = checkpoints.oldest_unpublished(conn, above=-1 if served is None else served.size)
    late = waits is not None and now >= waits + PATIENCE
    return _Due(head.size, newest.size if grown else None, head.size if late else None)


def _publish(conn: Connection, hub: Hub, interval: timedelta) -> int | None:
    """Do what is due unless another replica is at it; return the size of what was named."""
    if not tree.locked(conn, tree.lock_of(hub.signer.origin) + 1):
        return None
    now = hub.clock()
    due = _due(conn, now, interval)
    if due.publish is not None:
        checkpoints.mark_published(conn, due.publish, at=now)
    if due.name is not None:
        _name(conn, hub, due.name, now)
    return due.name


def _name(conn: Connection, hub: Hub, size: int, now: datetime) -> None:
    head = checkpoints.at_size(conn, size)
    if head is None:
        raise Unavailable("a head of the log has gone")
    checkpoints.mark_candidate(conn, size, at=now)
    # What was signed, and not what a row says beside it: two keys never vouch for two trees.
    signed = own_head(hub.signer, head.note).checkpoint
    own = head_cosigned(hub.signer, signed, at=seconds(now))
    if own is not None:
        line = Cosigned(own.name, own.key_id, time_of(own), write_line(own))
        checkpoints.add_cosignature(conn, size, line)
    if hub.signer.policy.quorum == NONE:
        checkpoints.mark_witnessed(conn, size, at=now)
