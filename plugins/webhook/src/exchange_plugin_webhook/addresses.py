"""Which addresses requests may go to, and the look-up that finds no other ones.

What a name leads to is decided outside, by whoever holds its zone: without this a partner's name
could lead into the hub's own network, or to the metadata of its cloud.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
LookUp: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host name, for a port, as texts."""

_GLOBAL_UNICAST = ip_network("2000::/3")
"""All of version 6 that is given to networks (RFC 4291). What lies outside is nowhere, or inside:
addresses of version 4 in several disguises, translators, sites, segments."""
_NEVER_GLOBAL = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",  # protocol assignments (RFC 6890)
            "192.88.99.0/24",  # anycast of 6to4 relays (RFC 7526)
            "2001::/32",  # Teredo (RFC 4380)
            "2002::/16",  # 6to4 (RFC 3056)
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)
"""Networks that Python calls global, in one version or another, and that lead inside."""


def is_admitted(address: Address, listed: Sequence[Network]) -> bool:
    """Tell whether requests may go to `address`.

    Args:
        address: where a connection would lead.
        listed: networks that the operator admits though they are not public.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in listed):
        return True
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    never = any(address in network for network in _NEVER_GLOBAL)
    return address.is_global and not address.is_multicast and not never


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of `host` as this machine knows them.

    Raises:
        OSError: there are none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _, _, _, _, address in found]


async def admitted(
    host: str, port: int, listed: Sequence[Network], look_up: LookUp = look_up
) -> Sequence[str]:
    """Look `host` up, once, and return its addresses; the connection goes to one of these.

    Raises:
        OSError: there are none, or one of them is not admitted: that refuses all, because an
            answer with both is an attack.
    """
    found = [ip_address(text) for text in await look_up(host, port)]
    if not found or not all(is_admitted(address, listed) for address in found):
        raise OSError("no address that requests may go to")
    return [str(address) for address in found]
