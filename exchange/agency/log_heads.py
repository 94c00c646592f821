"""The largest head of the hub's log that this gateway ever verified: it moves only up.

Whatever else the hub shows must be the same log, smaller or larger, proven by hashes from its
tiles. By this every gateway is a small witness of its own (docs/transparency-log.md).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final, TypeVar

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from exchange.agency import tables
from exchange.agency.log_calls import LogCalls
from exchange.audit.merkle import (
    HASH_SIZE,
    Position,
    consistency_path,
    tiles_for_consistency,
    verify_consistency,
)
from exchange.audit.tiles import tile_in
from exchange.database import Database
from exchange.errors import Held, LogInvalid, Malformed, NotFound, SplitView
from exchange.prepared import Prepared

MOST_TILES: Final = 256
"""Tiles kept in memory, 8 kB each at most: the path to a root of a large log needs a dozen."""
MOST_PROVEN: Final = 1024
"""Heads kept in memory that were shown to be of the log: of the receipts of consents, mostly."""

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Shown:
    """A signed state of the log: of a checkpoint, or of a status note."""

    size: int
    root: bytes
    note: bytes = field(repr=False)
    """What was signed, verbatim."""


class Heads:
    """What this gateway holds the hub to."""

    def __init__(
        self, origin: str, calls: LogCalls, state: Database, clock: Callable[[], datetime]
    ) -> None:
        """Take the parts; `load` reads what was verified before."""
        self._origin = origin
        self._calls = calls
        self._state = state
        self._clock = clock
        self._turn = asyncio.Lock()
        self._tiles: OrderedDict[Position, bytes] = OrderedDict()
        self._proven: OrderedDict[int, bytes] = OrderedDict()
        """Roots by size of what `largest` continues: so does whatever continues that."""
        self.largest: Shown | None = None
        """The largest head ever verified here; None before the first."""
        self.seen_at: datetime | None = None
        """When it was seen first, by this gateway's clock."""

    async def load(self) -> None:
        """Read the largest head that was ever verified, before anything else is believed."""
        found = await self._state.read(_largest, self._origin)
        if found is not None:
            self.largest, self.seen_at = found

    async def agree(self, shown: Shown) -> None:
        """Check that a signed state is of the log as it is known here, and remember the larger.

        Raises:
            SplitView: it is of another history; carries both notes.
            Held: `log-receipt-missing`, the hub does not deliver the hashes that show it.
        """
        async with self._turn:
            known = self.largest
            if known is not None and not await self._is_one_log(known, shown):
                raise SplitView(
                    "the log is not the one seen before", notes=(known.note, shown.note)
                )
            if known is None or shown.size > known.size:
                now = self._clock()
                # Durable before anything is believed under it: no restart allows a step back.
                await self._state.write(_raise_to, self._origin, shown, now)
                self.largest, self.seen_at = shown, now
            _keep(self._proven, shown.size, shown.root, most=MOST_PROVEN)

    async def _is_one_log(self, known: Shown, shown: Shown) -> bool:
        old, new = sorted((known, shown), key=lambda one: one.size)
        if old.size == new.size:
            return old.root == new.root
        if not old.size:  # the empty tree has one root, and every log begins with it
            return True
        if old is shown and self._proven.get(old.size) == old.root:
            return True
        if await self._is_continued(old, new):
            return True
        self._tiles.clear()  # what is in memory may be at fault: once more, with fresh tiles
        return await self._is_continued(old, new)

    async def _is_continued(self, old: Shown, new: Shown) -> bool:
        rows = {
            position: await self._tile(position, new.size)
            for position in sorted(tiles_for_consistency(old.size, new.size))
        }
        try:
            path = consistency_path(lambda level, n: rows[level, n], old.size, new.size)
            verify_consistency(old.size, new.size, path, old.root, new.root)
        except (LogInvalid, Malformed):
            return False
        return True

    async def _tile(self, position: Position, size: int) -> bytes:
        """Return the hashes of a tile as far as a tree of `size` entries has them: a hint."""
        tile = tile_in(size, *position)
        wanted = tile.width * HASH_SIZE
        kept = self._tiles.get(position, b"")
        if len(kept) < wanted:
            try:
                kept = await self._calls.tile(tile)
            except NotFound:
                raise Held("log-receipt-missing") from None
        _keep(self._tiles, position, kept, most=MOST_TILES)
        return kept[:wanted]


def _keep(where: OrderedDict[K, bytes], name: K, value: bytes, *, most: int) -> None:
    """Keep what was used last, and `most` of them."""
    where[name] = value
    where.move_to_end(name)
    while len(where) > most:
        where.popitem(last=False)


def forget_head(conn: Connection, origin: str) -> None:
    """Forget what the log was held to: the next head it shows counts as the first."""
    for table in (tables.log_heads, tables.log_tails):
        conn.execute(delete(table).where(table.c.origin == origin))


def _largest(conn: Connection, origin: str) -> tuple[Shown, datetime] | None:
    row = conn.execute(
        select(tables.log_heads).where(tables.log_heads.c.origin == origin)
    ).one_or_none()
    return None if row is None else (Shown(row.size, row.root, row.note), row.seen_at)


def _raise_to(conn: Connection, origin: str, shown: Shown, now: datetime) -> None:
    row = {"size": shown.size, "root": shown.root, "note": shown.note, "seen_at": now}
    _raised().changed(conn, {"origin": origin, **row})


@cache
def _raised() -> Prepared:
    statement = insert(tables.log_heads)
    shown = statement.excluded
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=["origin"],
            set_={name: shown[name] for name in ("size", "root", "note", "seen_at")},
            where=tables.log_heads.c.size < shown.size,
        )
    )
