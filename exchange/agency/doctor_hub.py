"""What a doctor sees of the way to the hub: name, connection, clock, token, partners."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from exchange.agency.findings import Finding, fail, ok, warn
from exchange.agency.parts import Desk
from exchange.agency.settings import HubSection
from exchange.errors import ClockWrong, ExchangeError, Unauthenticated
from exchange.keyring.directory import Pin

CONNECT_S: Final = 10.0
LOOK: Final = (
    "look at origin, certificates and proxy in [hub]; ask the operator whether the hub works"
)
_PORTS = {"http": 80, "https": 443}


async def way(hub: HubSection) -> AsyncIterator[Finding]:
    """Look whether the hub, or the proxy before it, can be found and takes connections."""
    through = "the proxy" if hub.proxy else "the hub"
    found = urlsplit(hub.proxy or hub.origin)
    host, port = found.hostname or "", found.port or _PORTS.get(found.scheme, 443)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            await loop.getaddrinfo(host, port)
    except (OSError, TimeoutError):
        yield fail("hub", f"the name {host} of {through} is not known here", "look at the DNS")
        return
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        yield fail(
            "hub",
            f"{through} takes no connection at {host}:{port}",
            "let the firewall admit connections to it, or name the proxy in [hub] proxy",
        )
        return
    writer.close()
    yield ok("hub", f"{through} takes connections at {host}:{port}")


async def answers(desk: Desk) -> AsyncIterator[Finding]:
    """Look whether the hub answers, at the right time, and knows this agency."""
    try:
        await desk.client.access_token()
    except ClockWrong as wrong:
        yield fail("clock", str(wrong), "let NTP set it; nothing is exchanged before")
    except Unauthenticated as unknown:
        yield fail("hub", str(unknown), "ask the operator to admit this agency")
    except ExchangeError as error:
        yield fail("hub", str(error), LOOK)
    else:
        yield ok("clock", "differs from the hub's by less than five minutes")
        yield ok("hub", "answers, and knows this agency")


async def partners(desk: Desk, pins: Mapping[str, Pin]) -> AsyncIterator[Finding]:
    """Look whether the directory shows the identities that people have confirmed.

    Raises:
        Unavailable: the hub cannot be reached.
    """
    own = desk.identity.kid
    async for agency in desk.client.every_agency():
        pin = pins.get(agency.id)
        if agency.id == desk.agency:
            if agency.kid != own:
                yield fail(
                    "pins",
                    "the directory shows another identity for this agency",
                    "tell the hub's operator and your partners: somebody may act in its name",
                )
        elif pin is None:
            yield warn(
                "pins",
                f"{agency.id} is in the directory and not pinned",
                "if it is a partner: compare the fingerprint, then run: exchange keys pin",
            )
        elif agency.kid != pin.kid:
            yield fail(
                "pins",
                f"the directory shows another identity for {agency.id} than was confirmed",
                "ask the partner itself, never the hub; then run: exchange keys pin --replace",
            )
        elif agency.key_statement is None:
            yield warn(
                "pins",
                f"{agency.id} has published no document key",
                "its gateway does so when it runs; nothing can be sent to it before",
            )
