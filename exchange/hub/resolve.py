"""Names of other machines to addresses: none that leads back to this machine or to its platform.

The connection is made to the very address that was checked, so a second answer with another
address finds nobody. One address that is refused refuses the name.
"""

import socket
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from exchange.hub.plain_address import leads_back


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
