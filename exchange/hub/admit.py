"""The operator admits agencies, says how each is told, and suspends them.

Through the control socket, never over HTTP.
"""

from uuid import uuid4

from sqlalchemy import Connection

from exchange.errors import Misconfigured, NotFound
from exchange.hub.mirror import refresh
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies, reaches
from exchange.hub.storage.reaches import Reach
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
    _require_channels(hub, reach)
    chain = await hub.vault.draw(str(uuid4()))
    await hub.db.write(_admit, hub, card, reach, chain.uuid)
    await refresh(hub)


def _admit(conn: Connection, hub: Hub, card: IdentityCard, reach: Reach, chain: str) -> None:
    agencies.add(conn, card, reach, chain=chain, at=hub.clock())


async def reach_by(hub: Hub, agency: str, reach: Reach) -> None:
    """Replace how `agency` is told that something may wait.

    Raises:
        NotFound: no such agency.
        Misconfigured: a channel that is not loaded.
    """
    _require_channels(hub, reach)
    if not await hub.db.write(reaches.change_reach, agency, reach):
        raise NotFound("this hub has admitted no such agency")


def _require_channels(hub: Hub, reach: Reach) -> None:
    if not {to.channel for to in reach.channels} <= hub.channels.keys():
        raise Misconfigured("no plugin provides this channel; name one in the hub's settings")


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
