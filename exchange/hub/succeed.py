"""Close the log for ever and begin its successor, when no copy of what was lost exists.

A log that forgot entries which others hold can never be signed again: that would be a fork. So
its name is given up. The successor says in its first entry which log it follows, the last head
of that, and why. What the database still knows is in it, leaf for leaf.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from exchange import canonical
from exchange.audit.leaf import LABEL_SIZE, LEAF_SIZE
from exchange.audit.merkle import HASH_SIZE, TILE_WIDTH
from exchange.audit.opening import DOCUMENT
from exchange.audit.tiles import (
    bundle_path,
    bundles_of,
    encode_bundle,
    tile_path,
    tiles_of,
)
from exchange.durable import make_directory, move_durably, write_bytes_durably
from exchange.errors import Misconfigured
from exchange.hub import high_water
from exchange.hub.parts import Hub
from exchange.hub.signer import LARGEST_OPENED, OPENED, own_head
from exchange.hub.storage import checkpoints, consents, ending, log, succession, tree
from exchange.hub.storage.log import Chain
from exchange.verifier.entries import Progress

Reason = Literal["entries-lost", "key-stolen"]
"""Why a log is closed."""
DOCUMENTS = "documents"
"""Folder of the public documents of a log, named by their SHA-256 in hex."""
BATCH = 100
"""Consents ended in one unit of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """What a succession has done."""

    origin: str
    """Name of the new log, for `log.origin`."""
    closed: Path
    """Folder with the closed log, as far as this database had it: for every verifier."""
    queued: int
    """Entries that the new log takes over."""
    consents: int
    """Consents that have ended, because what happened to them last was lost."""


def unseen(_done: int, _total: int) -> None:
    """Take the place of a progress that nobody watches."""


async def succeed(hub: Hub, origin: str, reason: Reason, progress: Progress = unseen) -> Succeeded:
    """Close the log of this hub, which does not serve, and prepare the next one.

    Can be interrupted and repeated. At no moment could a hub begin the old name anew: before the
    tree is emptied the last head lies outside the database, and it stays until the name is given
    up.

    Args:
        hub: the parts.
        origin: name of the new log.
        reason: `entries-lost` ends every consent: nobody can tell which were withdrawn since.
        progress: told as the closed log is written.

    Raises:
        Misconfigured: the log has signed nothing, or the name is the one it has.
    """
    last = await _last_head(hub)
    if origin == hub.signer.origin or last is None:
        raise Misconfigured("nothing to close: the log has signed nothing, or has this name")
    closed = folder(hub.home, origin)
    await _keep(hub, closed, progress)
    opened: canonical.Json = {
        "origin": origin,
        "predecessor": hub.signer.origin,
        "head": last.decode("utf-8"),
        "reason": reason,
    }
    ended = await _end_all(hub) if reason == "entries-lost" else 0
    high_water.raise_to(hub.home, last)
    queued = await hub.db.write(succession.begin_anew, skip=reason == "entries-lost")
    # A crash here: under the old name nothing is signed, because of the head outside. Repeat.
    write_bytes_durably(hub.home / OPENED, canonical.encode(opened), replace=True)
    # From here on a hub that is started under the old name refuses: the file names the new one.
    retire(hub.home, closed)
    return Succeeded(origin=origin, closed=closed, queued=queued, consents=ended)


def folder(home: Path, origin: str) -> Path:
    """Return where the log that `origin` follows is kept."""
    return home / f"log-closed-by-{origin.rpartition('/')[2]}"


def begun(home: Path, origin: str) -> bool:
    """Tell whether a succession to `origin` was begun here, and only has to be retired."""
    try:
        opened = canonical.loads((home / OPENED).read_bytes(), limit=LARGEST_OPENED)
    except FileNotFoundError:
        return False
    return isinstance(opened, dict) and opened.get("origin") == origin


def retire(home: Path, closed: Path) -> None:
    """Put the last head of the closed log beside its entries; done before, it is no error."""
    if (home / high_water.FILE).exists():
        make_directory(closed)
        move_durably(home / high_water.FILE, closed / high_water.FILE)


async def _last_head(hub: Hub) -> bytes | None:
    """Return the largest head that this log is known to have signed."""
    newest = await hub.db.read(checkpoints.newest)
    kept = high_water.read(hub.home)
    notes = [*await hub.db.read(checkpoints.evidence), *([] if kept is None else [kept])]
    if newest is not None:
        notes.append(await hub.db.read(checkpoints.served_note, newest.size))
    return max(notes, key=lambda note: own_head(hub.signer, note).checkpoint.size, default=None)


async def _keep(hub: Hub, closed: Path, progress: Progress) -> None:
    """Write what is here of the log to a folder, as any verifier reads it."""
    newest = await hub.db.read(checkpoints.newest)
    if newest is None:
        return
    size = newest.size
    for part in bundles_of(size):
        leaves = await hub.db.read(tree.leaves, part.n * TILE_WIDTH, part.width)
        _write(closed / bundle_path(part), encode_bundle(leaves))
        for leaf in leaves:
            await _keep_document(hub, closed, leaf)
        progress((part.n * TILE_WIDTH + part.width) * LEAF_SIZE, size * LEAF_SIZE)
    for tile in tiles_of(size):
        hashes = await hub.db.read(tree.row, tile.level, tile.n)
        _write(closed / tile_path(tile), hashes[: tile.width * HASH_SIZE])
    _write(closed / "checkpoint", await hub.db.read(checkpoints.served_note, size))


async def _keep_document(hub: Hub, closed: Path, leaf: bytes) -> None:
    """Write the document that a public entry stands for: without it nobody could check that."""
    if leaf[0] != DOCUMENT:
        return
    sha256 = leaf[1 + LABEL_SIZE :]
    data = await hub.db.read(log.document, canonical.b64u(sha256))
    if data is not None:
        _write(closed / DOCUMENTS / sha256.hex(), data)


def _write(path: Path, content: bytes) -> None:
    make_directory(path.parent)
    write_bytes_durably(path, content, replace=True)


async def _end_all(hub: Hub) -> int:
    ended = 0
    while page := await hub.db.read(succession.active, limit=BATCH):
        keys = await hub.vault.chains([chain for chain, _ in page])
        await hub.db.write(_end, hub, page, keys)
        ended += len(page)
    return ended


def _end(
    conn: Connection, hub: Hub, page: Sequence[tuple[str, str]], keys: Mapping[str, Chain]
) -> None:
    for chain, digest in page:
        standing = consents.find(conn, digest)
        if standing is not None:
            keyed = log.keyed(keys, chain)
            ending.end_wordless(conn, standing, keyed, why=ending.RESTORED, at=hub.clock())
