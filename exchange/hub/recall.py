"""A sender takes back what nobody has collected: wrong addressee, wrong file."""

from sqlalchemy import Connection

from exchange.errors import NotFound
from exchange.hub import repeat
from exchange.hub.gate import chain_for
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import consents, ending
from exchange.hub.storage.log import Chain


async def recall(hub: Hub, disclosure: str, caller: str, *, once: Once | None) -> str | None:
    """End `disclosure` before anybody collects it; a repetition changes nothing.

    Returns:
        Name of the entry that records it; None for an upload that was never complete.

    Raises:
        NotFound: absent, or not the caller's.
        Conflict: it was collected, or has ended otherwise.
    """
    found = await hub.db.read(ending.recallable, disclosure, caller)
    if found is None:
        raise NotFound
    chain = await chain_for(hub, found.chain)
    return await hub.db.write(_recall, hub, disclosure, caller, chain, once)


def _recall(
    conn: Connection, hub: Hub, disclosure: str, caller: str, chain: Chain, once: Once | None
) -> str | None:
    found = ending.recallable(conn, disclosure, caller)
    if found is None:
        raise NotFound
    consents.find(conn, found.consent)  # locks: a collection waits, or we see it
    now = hub.clock()
    receipt = ending.recall(conn, found, chain, at=now)
    repeat.claim(conn, once, now=now)
    return receipt
