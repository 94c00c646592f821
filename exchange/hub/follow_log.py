"""Follow the log: note of each new entry whom it concerns, so that officers' lists are fast.

Every replica does it; of two at the same window one finds it done. Nothing waits for it but
erasure: no entry is erased before it was followed, else its rows would come behind it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from exchange.hub.concerned import concerned
from exchange.hub.parts import Hub
from exchange.hub.storage import concerns, reading, tree
from exchange.hub.storage.reading import Concern

WINDOW = 500
"""Entries in one unit of work, so that nobody waits for it."""


async def catch_up(hub: Hub) -> None:
    """Follow everything that is in the tree now, unless another replica is at it."""
    while await follow(hub):
        continue


async def follow(hub: Hub) -> int:
    """Follow one window, and return how many entries were in it.

    0 if there is nothing new, or if another replica was faster.

    Raises:
        Unavailable: the database is away.
    """
    window = await hub.db.read(_look)
    if window is None:
        return 0
    # A crash before this commit leaves everything as it was; the next look finds it again.
    kept = await hub.db.write_behind(
        reading.keep, window.concerns, first=window.first, end=window.end
    )
    return window.end - window.first if kept else 0


@dataclass(frozen=True, slots=True)
class _Window:
    """Entries that were not followed yet, and whom they concern."""

    first: int
    end: int
    concerns: Collection[Concern]


def _look(conn: Connection) -> _Window | None:
    # This first: what another replica adds meanwhile then lies behind this window.
    first = reading.followed(conn)
    end = min(first + WINDOW, tree.tree(conn).size)
    if end <= first:
        return None
    entries = reading.window(conn, first, end)
    facts = concerns.gather(conn, entries)
    found = {concern for entry in entries for concern in concerned(entry, facts)}
    return _Window(first, end, found)
