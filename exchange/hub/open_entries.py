"""Hand out what opens entries of the log: receipts, and an agency's openings page by page.

Openings hold salts. They are made for one answer from the vault's key, and kept nowhere.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from exchange.audit import leaf
from exchange.audit.checkpoint import read_checkpoint
from exchange.audit.merkle import inclusion_path
from exchange.audit.note import read_note
from exchange.audit.opening import Opening, document_opening, event_opening, write_opening
from exchange.audit.proof import Receipt, write_receipt
from exchange.errors import NotFound, Unavailable
from exchange.hub.may_open import Access, may_open
from exchange.hub.parts import Hub
from exchange.hub.storage import checkpoints, openings, tree
from exchange.hub.storage.log import Chain
from exchange.hub.storage.openings import Recorded

LOOK_S = 0.5
"""Seconds after which a head is looked for again: cosignatures wake nobody."""
WINDOW = 2000
"""Entries looked at in one unit of work: it must not stay open for long."""
WINDOWS = 10
"""Units of work for one page at most, also where nothing was found."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands in the tree of a signed head."""

    index: int
    path: tuple[bytes, ...]
    note: bytes
    """The head with every line there is."""


@dataclass(frozen=True, slots=True)
class OpenedEntry:
    """An entry with what opens it."""

    index: int
    rid: str
    opening: bytes = field(repr=False)
    detail: bytes | None = field(repr=False)
    """Salt and JSON, for who may know it."""
    chain: str = field(repr=False)
    """UUID of the chain it is on."""


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """Entries in the order of the log, and where to go on."""

    entries: tuple[OpenedEntry, ...]
    next: int | None
    """Index after which to go on; None at the newest signed head."""


async def give_receipt(
    hub: Hub, rid: str, caller: str, *, seconds: float, witnessed: bool
) -> bytes | None:
    """Return the receipt of an entry that `caller` may open, or None: not covered yet.

    Fetched again later it is the one under the quorum's head.

    Args:
        hub: the parts.
        rid: its name.
        caller: an agency.
        seconds: how long to wait for a head that covers it.
        witnessed: only under one that has its quorum.

    Raises:
        NotFound: absent, or of others: the two look the same.
        Unavailable: the vault is away.
    """
    await hub.db.read(_seek, rid, caller)
    place = await _placed(hub, rid, seconds=seconds, witnessed=witnessed)
    if place is None:
        return None
    # Read anew: what was recorded while the vault was away has its commitment by now.
    found = await hub.db.read(_seek, rid, caller)
    if found.chain is None:
        return receipt_of(document_opening(found.kind, found.body), place)
    key = key_of(await hub.vault.chain(found.chain))
    return receipt_of(event_opening(key, found.n, found.body), place)


def receipt_of(opening: Opening, place: Place) -> bytes:
    """Return the receipt of the entry at `place`."""
    return write_receipt(Receipt(write_opening(opening), place.index, place.path, place.note))


def place_of(conn: Connection, rid: str, *, witnessed: bool = False) -> Place | None:
    """Return where an entry stands, under the head its receipt has now; None: not covered yet."""
    index = tree.index_of(conn, rid)
    note = None if index is None else checkpoints.covering(conn, index, witnessed=witnessed)
    if index is None or note is None:
        return None
    size = read_checkpoint(read_note(note).text).size
    return Place(index, inclusion_path(tree.reader(conn), index, size), note)


def _seek(conn: Connection, rid: str, caller: str) -> Recorded:
    """Return what `caller` may open; absent and hidden run the same statements."""
    found = openings.find(conn, rid)
    standing = openings.standing(conn, caller, () if found is None else (found,))
    if found is None or not may_open(caller, found, standing).opening:
        raise NotFound
    return found


async def _placed(hub: Hub, rid: str, *, seconds: float, witnessed: bool) -> Place | None:
    ticks = asyncio.get_running_loop().time
    ends = ticks() + seconds
    while True:
        signed = 0 if hub.heads.newest is None else hub.heads.newest.size
        place = await hub.db.read(place_of, rid, witnessed=witnessed)
        left = ends - ticks()
        if place is not None or left <= 0:
            return place
        await hub.heads.beyond(signed, seconds=min(left, LOOK_S))


async def list_openings(hub: Hub, caller: str, *, after: int | None, limit: int) -> OpenedPage:
    """Return the next entries that `caller` may open, from behind an index.

    Raises:
        Unavailable: the vault is away.
    """
    first = 0 if after is None else after + 1
    entries: list[OpenedEntry] = []
    for _ in range(WINDOWS):
        size, found = await hub.db.read(_allowed, caller, first)
        entries += await _opened(hub, found[: limit - len(entries)])
        if len(entries) == limit:
            return OpenedPage(tuple(entries), entries[-1].index)
        first += WINDOW
        if first >= size:
            return OpenedPage(tuple(entries), None)
    return OpenedPage(tuple(entries), first - 1)


async def openable(hub: Hub, caller: str, first: int, behind: int) -> Sequence[int]:
    """Return the indexes from `first` on, before `behind`, of what `caller` may open now.

    Opens nothing, and does not ask the vault.
    """
    return await hub.db.read(_openable, caller, first, behind)


@dataclass(frozen=True, slots=True)
class _Allowed:
    """An entry that the caller may open, before the vault was asked."""

    index: int
    event: Recorded
    chain: str
    access: Access


def _allowed(conn: Connection, caller: str, first: int) -> tuple[int, Sequence[_Allowed]]:
    size = openings.signed_size(conn)
    return size, _between(conn, caller, first, min(first + WINDOW, size))


def _openable(conn: Connection, caller: str, first: int, behind: int) -> list[int]:
    return [one.index for one in _between(conn, caller, first, behind)]


def _between(conn: Connection, caller: str, first: int, behind: int) -> list[_Allowed]:
    found = openings.window(conn, first, behind)
    standing = openings.standing(conn, caller, found.values())
    judged = [
        _Allowed(index, one, one.chain or "", may_open(caller, one, standing))
        for index, one in found.items()
    ]
    return [one for one in judged if one.access.opening]


async def _opened(hub: Hub, found: Sequence[_Allowed]) -> list[OpenedEntry]:
    chains = await hub.vault.chains({one.chain for one in found})
    return [_entry(one, chains.get(one.chain)) for one in found]


def _entry(allowed: _Allowed, chain: Chain | None) -> OpenedEntry:
    found, key = allowed.event, key_of(chain)
    detail = None
    if allowed.access.detail and found.detail is not None:
        detail = leaf.detail_salt(key, found.n) + found.detail
    opening = write_opening(event_opening(key, found.n, found.body))
    return OpenedEntry(allowed.index, found.rid, opening, detail, allowed.chain)


def key_of(chain: Chain | None) -> bytes:
    """Return the key of a chain that the vault was asked for.

    Raises:
        Unavailable: it has not answered.
    """
    if chain is None or chain.key is None:
        raise Unavailable("the vault has not answered")
    return chain.key
