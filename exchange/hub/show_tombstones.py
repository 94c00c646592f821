"""Hand out tombstones: to agencies and auditors, who check an audit with them; never public."""

from dataclasses import dataclass

from exchange.errors import NotFound
from exchange.hub.parts import Hub
from exchange.hub.storage import tombstones
from exchange.hub.storage.tombstones import Listed


@dataclass(frozen=True, slots=True)
class Tombstones:
    """A page of tombstones, and what none of them names yet."""

    listed: tuple[Listed, ...]
    pending: int
    """Entries that were erased since the last one."""


async def show_tombstones(hub: Hub, *, after: str | None, limit: int) -> Tombstones:
    """Return tombstones in the order of their digests, from behind the digest `after`."""
    return Tombstones(
        listed=await hub.db.read(tombstones.listed, after=after, limit=limit),
        pending=await hub.db.read(tombstones.pending),
    )


async def show_tombstone(hub: Hub, digest: str) -> bytes:
    """Return the document with this digest.

    Raises:
        NotFound: there is none.
    """
    found = await hub.db.read(tombstones.document, digest)
    if found is None:
        raise NotFound
    return found
