"""The operator admits agencies and suspends them; through the control socket, never over HTTP."""

from uuid import uuid4

from sqlalchemy import Connection

from exchange.errors import Misconfigured, NotFound
from exchange.hub.mirror import refresh
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies
from exchange.hub.storage.agencies import Reach
from exchange.keyid import IdentityCard
from exchange.keyring.demo import is_demo


async def admit(hub: Hub, card: IdentityCard, reach: Reach) -> None:
    """Admit the agency of `card`, whose fingerprint the operator has compared.

    Raises:
        Conflict: this agency or this identity is already admitted.
        Misconfigured: a demo key, which anybody can derive; a channel that is not loaded.
    """
    if is_demo(card) and not hub.rules.demo:
        raise Misconfigured("anybody can derive this demo key; it is admitted in the demo only")
    if reach.channel is not None and reach.channel not in hub.channels:
        raise Misconfigured("no plugin provides this channel; name one in the hub's settings")
    chain = await hub.vault.draw(str(uuid4()))
    await hub.db.write(_admit, hub, card, reach, chain.uuid)
    await refresh(hub)


def _admit(conn: Connection, hub: Hub, card: IdentityCard, reach: Reach, chain: str) -> None:
    agencies.add(conn, card, reach, chain=chain, at=hub.clock())


async def suspend(hub: Hub, agency: str) -> bool:
    """Suspend `agency`: from the commit on nothing is taken from it or released to it.

    Returns:
        False when it was suspended before.

    Raises:
        NotFound: no such agency.
    """
    first = await hub.db.write_first(_suspend, hub, agency)
    await refresh(hub)
    return first


def _suspend(conn: Connection, hub: Hub, agency: str) -> bool:
    if agencies.find(conn, agency) is None:
        raise NotFound("this hub has admitted no such agency")
    agencies.lock(conn, agency)  # releases under way end first; the clock is asked behind them
    return agencies.suspend(conn, agency, at=hub.clock())
