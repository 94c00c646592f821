"""Names of other machines to addresses: none that leads back to this machine or to its platform.

The connection is made to the very address that was checked, so a second answer with another
address finds nobody. One address that is refused refuses the name.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

TRANSLATED: Final = tuple(
    ip_network(text)
    for text in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "::/96",
        "::ffff:0:0/96",
        "fec0::/10",
    )
)
"""Networks of addresses with an IPv4 address inside, or without a meaning any more."""


class CheckedResolver(AbstractResolver):
    """Asks another resolver, and checks every one of its answers."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        """Ask `inner`; the system's own if not given."""
        self._inner = ThreadedResolver() if inner is None else inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

        Raises:
            OSError: unknown, or one of its addresses is refused.
        """
        found = await self._inner.resolve(host, port, family)
        if host != "localhost" and any(leads_back(ip_address(one["host"])) for one in found):
            raise OSError("a name leads to an address that is not admitted")
        return found

    async def close(self) -> None:
        """Close what was asked."""
        await self._inner.close()


def leads_back(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is this machine, its platform, nobody, or another one in disguise.

    Networks of offices are not refused: that is where witnesses stand.
    """
    if isinstance(address, IPv6Address) and any(address in network for network in TRANSLATED):
        return True
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address == IPv4Address("255.255.255.255")
    )
