"""A hub whose log a test drives step by step, and the whole log checked from its rows."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.merkle import HASH_SIZE, TILE_WIDTH
from exchange.audit.tiles import Bundle, encode_bundle
from exchange.audit.whole import Audit, check_roots, parts_of
from exchange.hub import app, sequence
from exchange.hub.parts import Hub
from exchange.hub.resume import resume
from exchange.hub.settings import HubSettings
from exchange.hub.signer import own_head
from exchange.hub.storage import checkpoints, log, tree
from exchange.hub.storage.engine import HubDatabase

NOW = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
TOPIC = "key-statement/women-b"


@dataclass
class Ledger:
    """A hub, its settings and a clock; nothing runs by itself."""

    settings: HubSettings
    now: datetime = NOW
    hub: Hub = field(init=False)
    database: HubDatabase = field(init=False)
    failures: int = 0
    """COMMITs whose outcome is unknown."""

    @asynccontextmanager
    async def open(
        self, *, resumed: bool = True, accepted: bool = False
    ) -> AsyncIterator["Ledger"]:
        """Open the hub, and compare it with what others hold unless told not to."""
        if not self.settings.home.exists():
            app.make_home(self.settings.home)
        opened = app.opened(self.settings, clock=lambda: self.now, on_failure=self._failed)
        async with opened as found:
            self.hub, self.database = found.hub, found.database
            if resumed:
                await resume(self.hub, accepted=accepted)
            yield self

    def later(self, **difference: float) -> None:
        """Move the clock."""
        self.now += timedelta(**difference)

    async def record(self, count: int = 1, *, mark: str = "") -> list[str]:
        """Record public documents; each leaves a leaf that waits. Return their receipts' names."""
        return await self.hub.db.write(recorded, count, mark, self.now)

    async def tick(self) -> int | None:
        """Sequence one batch."""
        return await sequence.sequence(self.hub, self.settings.log)

    async def grow(self, count: int = 1) -> int:
        """Record, sequence all of it and return the size of the newest signed head."""
        await self.record(count)
        while await self.tick():
            continue
        return self.size

    @property
    def size(self) -> int:
        """Size of the newest signed head."""
        newest = self.hub.heads.newest
        return 0 if newest is None else newest.size

    async def rows(self, query: str, **values: Any) -> list[Any]:
        return list(await self.hub.db.read(lambda conn: conn.execute(text(query), values).all()))

    async def change(self, *statements: str) -> None:
        """Change the database behind the hub's back."""

        def work(conn: Connection) -> None:
            for statement in statements:
                conn.execute(text(statement))

        await self.database.write_behind(work)

    async def whole(self) -> list[bytes]:
        """Return the leaves of a log in which everything fits everything, or raise."""
        return await self.hub.db.read(checked, self.hub)

    def _failed(self) -> None:
        self.failures += 1


def recorded(conn: Connection, count: int, mark: str, at: datetime) -> list[str]:
    """Record documents; a unit of work."""
    return [log.record_document(conn, TOPIC, f"{mark}{n}".encode(), at).rid for n in range(count)]


def checked(conn: Connection, hub: Hub) -> list[bytes]:
    """Return all leaves, after entries, tiles, tree and every signed head were compared."""
    compact = tree.tree(conn)
    entries = conn.execute(text("SELECT idx, leaf FROM log_entry ORDER BY idx")).all()
    assert [entry.idx for entry in entries] == list(range(compact.size)), "a gap, or one twice"
    leaves = [bytes(entry.leaf) for entry in entries]
    heads = signed(conn, hub)
    audit = Audit(compact.size, at=[head.size for head in heads])
    for part in parts_of(compact.size):
        if isinstance(part, Bundle):
            first = part.n * TILE_WIDTH
            audit.feed(part, encode_bundle(leaves[first : first + part.width]))
        else:
            row = tree.row(conn, part.level, part.n)
            assert len(row) == part.width * HASH_SIZE
            audit.feed(part, row)
    check_roots(audit.roots(), heads)
    return leaves


def signed(conn: Connection, hub: Hub) -> Sequence[Checkpoint]:
    """Return every head that is kept, after its signature was verified."""
    found = conn.execute(text("SELECT size FROM log_checkpoint ORDER BY size")).scalars().all()
    heads = []
    for size in found:
        kept = checkpoints.at_size(conn, size)
        assert kept is not None
        head = own_head(hub.signer, kept.note).checkpoint
        assert (head.size, head.root) == (kept.size, kept.root)
        heads.append(head)
    return heads


async def until(true: Callable[[], object]) -> None:
    """Wait until `true()` is."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


def ledger(root: Path, name: str = "hub", **settings: Any) -> Ledger:
    """Return a hub with a home below `root`, not yet opened."""
    given = {"origin": "http://127.0.0.1:8700", "disk": {"reserve": 1024}, **settings}
    return Ledger(HubSettings(home=root / name, **given))
