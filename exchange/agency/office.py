"""One agency of a running gateway: what its local API, pages and watch folders work with.

A gateway may serve several agencies. Each office has its own home, keys, state, workers and token;
nothing is shared between two of them, and nothing of one is reached from another.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from exchange.agency import api_token, deposit
from exchange.agency.app import open_gateway
from exchange.agency.deliver import Deliveries, open_deliveries
from exchange.agency.hand_over import Reception, open_reception
from exchange.agency.keyfiles import Unlock, no_passphrase
from exchange.agency.outgoing import Readers, open_readers
from exchange.agency.parts import Clock, Gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """One agency, open for work."""

    gateway: Gateway
    reception: Reception
    deliveries: Deliveries | None
    """Hands converted documents to a system of the agency; None: the settings name none."""
    readers: Readers
    """Outgoing formats and evidence verifiers, their workers started on demand."""
    stir: asyncio.Event
    """Set it to make the rounds look at once."""
    token: bytes = field(repr=False)
    """SHA-256 of the local API's token."""

    @property
    def agency(self) -> str:
        """Id of this agency."""
        return self.gateway.agency


@asynccontextmanager
async def open_office(
    root: Path,
    *,
    unlock: Unlock = no_passphrase,
    demo: bool = False,
    clock: Clock | None = None,
) -> AsyncIterator[Office]:
    """Yield the office whose home is `root`, alone on it; end its workers afterwards.

    Arguments as `open_gateway`.

    Raises:
        Misconfigured: as `open_gateway`; or a plugin of the settings cannot be loaded, or the
            token of the local API is damaged.
    """
    async with AsyncExitStack() as parts:
        gateway = await parts.enter_async_context(
            open_gateway(root, unlock=unlock, demo=demo, clock=clock)
        )
        # Homes of earlier versions have no token.
        await asyncio.to_thread(api_token.make, gateway.home)
        await asyncio.to_thread(deposit.sweep, gateway.home.deposited, gateway.clock())
        token = api_token.digest(api_token.read(gateway.home))
        yield Office(
            gateway=gateway,
            reception=await parts.enter_async_context(open_reception(gateway)),
            deliveries=await parts.enter_async_context(
                open_deliveries(gateway, deposit.folders(gateway))
            ),
            readers=await parts.enter_async_context(open_readers(gateway)),
            stir=asyncio.Event(),
            token=token,
        )
