"""What one sender may occupy: open uploads, disclosures under way, bytes of payloads, and the disk.

Figures are read at intervals and counted on in between, so they may be a little high for a
moment, and low only by what other replicas have taken since. A quota protects the other agencies'
room; nothing is decided by it.
"""

import shutil
from datetime import timedelta

from exchange.errors import StorageFull, TooMany
from exchange.hub.parts import Hub, Occupied
from exchange.hub.storage import disclosures

FRESH = timedelta(seconds=30)
"""How long a figure is counted on before it is read again."""


async def check(hub: Hub, sender: str, size: int) -> None:
    """Count a document of `size` bytes that `sender` is about to store.

    Raises:
        TooMany: as many of its disclosures as allowed are not acknowledged yet.
        StorageFull: its share, or the disk, has no room.
    """
    found = await _occupied(hub, sender)
    if found.waiting >= hub.rules.waiting:
        raise TooMany
    if found.stored + size > hub.rules.stored:
        raise StorageFull
    _check_disk(hub, size)
    found.waiting += 1
    found.stored += size


async def check_upload(hub: Hub, sender: str, size: int) -> None:
    """Count an upload that `sender` is about to announce; see `check`."""
    found = await _occupied(hub, sender)
    if found.uploads >= hub.rules.open_uploads or found.waiting >= hub.rules.waiting:
        raise TooMany
    if found.stored + size > hub.rules.stored:
        raise StorageFull
    _check_disk(hub, size)
    found.uploads += 1


async def _occupied(hub: Hub, sender: str) -> Occupied:
    found = hub.occupied.get(sender)
    now = hub.clock()
    if found is None or not now - FRESH < found.read_at <= now:
        uploads, waiting, stored = await hub.db.read(disclosures.occupied, sender)
        found = hub.occupied[sender] = Occupied(now, uploads, waiting, stored)
    return found


def _check_disk(hub: Hub, size: int) -> None:
    """Keep the reserve where payloads lie, if that is a disk, and where the rows do."""
    payloads = hub.blobs.free()
    if payloads is not None and payloads - size < hub.rules.reserve:
        raise StorageFull
    if shutil.disk_usage(hub.home).free < hub.rules.reserve:
        raise StorageFull
