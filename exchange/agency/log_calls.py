"""The hub's log, as one agency asks for it: heads, hashes, entries, documents, receipts.

All of it is bytes in the formats of docs/log-formats.md. Nothing is verified here: what arrives
is a hint until `log_heads`, `verify_log` or `tail` has judged it.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from exchange.agency.calls import Calls
from exchange.audit.merkle import HASH_SIZE
from exchange.audit.note import LARGEST_NOTE
from exchange.audit.opening import LARGEST_OPENING
from exchange.audit.proof import LARGEST_RECEIPT
from exchange.audit.tiles import BUNDLED_SIZE, Bundle, Tile, bundle_path, tile_path
from exchange.audit.tombstone import LARGEST_TOMBSTONE
from exchange.errors import HubMisbehaves
from exchange.wire import log, log_routes

LONGEST_WAIT_S: Final = 30
"""Seconds the hub waits for a receipt, at most."""

_RECEIPT: Final = re.compile(
    r"/log/receipts/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII
)


class LogCalls:
    """Questions about the log over the same session as everything else."""

    def __init__(self, calls: Calls) -> None:
        """Take what makes single calls."""
        self._calls = calls

    async def checkpoint(self) -> bytes:
        """Return the newest published head, a signed note."""
        return await self._calls.fetch(log_routes.LOG_CHECKPOINT, limit=LARGEST_NOTE)

    async def candidate(self) -> bytes:
        """Return the head that witnesses cosign now, a signed note."""
        return await self._calls.fetch(log_routes.LOG_CANDIDATE, limit=LARGEST_NOTE)

    async def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile, of any head that was signed.

        Raises:
            NotFound: no signed head covers it.
            HubMisbehaves: it has another size.
        """
        # Open to everybody up to the newest candidate; with a token up to the newest head.
        operation = replace(log_routes.LOG_TILE, authenticated=True)
        data = await self._calls.fetch(
            operation,
            path={"tile": tile_path(tile).removeprefix("tile/")},
            limit=tile.width * HASH_SIZE,
        )
        if len(data) != tile.width * HASH_SIZE:
            raise HubMisbehaves("the hub delivered a tile of another size")
        return data

    async def bundle(self, bundle: Bundle) -> bytes:
        """Return the bytes of an entry bundle; NotFound when no signed head covers it."""
        return await self._calls.fetch(
            log_routes.LOG_ENTRIES,
            path={"bundle": bundle_path(bundle).removeprefix("tile/entries/")},
            limit=bundle.width * BUNDLED_SIZE,
        )

    async def document(self, sha256: str) -> bytes:
        """Return a public document by its SHA-256, lowercase hex; NotFound without one."""
        return await self._calls.fetch(
            log_routes.LOG_DOCUMENT, path={"sha256": sha256}, limit=LARGEST_OPENING
        )

    async def receipt(self, rid: str, *, wait: int = 0, witnessed: bool = False) -> bytes | None:
        """Return the receipt of an entry; None while no head covers it.

        Args:
            rid: its name; see `rid_in`.
            wait: seconds the hub waits for a head, at most 30.
            witnessed: whether only a head with its quorum will do.

        Raises:
            NotFound: no such receipt, or not for this agency.
        """
        query: dict[str, str | int] = {"wait": wait} if wait else {}
        if witnessed:
            query["witnessed"] = "true"
        return await self._calls.fetch_ready(
            log_routes.LOG_RECEIPT, path={"id": rid}, query=query, limit=LARGEST_RECEIPT
        )

    async def openings(self, *, after: int | None = None) -> log.Openings:
        """Return a page of what this agency may open, in the order of the log."""
        query = {} if after is None else {"after": after}
        return await self._calls.call(log_routes.LOG_OPENINGS, log.Openings, query=query)

    async def every_tombstone(self) -> AsyncIterator[str]:
        """Yield the digests of all lists of what was erased."""
        after: str | None = None
        while True:
            query = {} if after is None else {"after": after}
            page = await self._calls.call(log_routes.LOG_TOMBSTONES, log.Tombstones, query=query)
            for one in page.tombstones:
                yield one.digest
            if page.next is None:
                return
            if after is not None and page.next <= after:
                raise HubMisbehaves("the hub's pages do not end")
            after = page.next

    async def tombstone(self, digest: str) -> bytes:
        """Return the list of what was erased that has this digest."""
        return await self._calls.fetch(
            log_routes.LOG_TOMBSTONE, path={"digest": digest}, limit=LARGEST_TOMBSTONE
        )

    async def hand_in(self, note: bytes) -> None:
        """Show the hub a note that its log has signed: evidence against itself."""
        await self._calls.hand_in(log_routes.LOG_COSIGNATURES, note)


def rid_in(path: str) -> str:
    """Return the name of a receipt from its path, as answers of the hub carry it.

    Raises:
        HubMisbehaves: no such path.
    """
    found = _RECEIPT.fullmatch(path)
    if found is None:
        raise HubMisbehaves("the hub names a receipt in a way it never does")
    return found[1]
