"""Opens connections for a delivery worker, to the addresses its settings name and no other.

Runs in the gateway: names are resolved and connections made here, with a time limit, and only
the connected socket goes to the worker. What the worker asks is hostile: a name, or nothing.
"""

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from exchange.agency.borrowed import AWAY, CONNECTED, LONGEST_NAME, UNKNOWN
from exchange.errors import Misconfigured

CONNECT_S: Final = 10.0
"""Seconds until a connection stands."""
MOST: Final = 16
"""Connections handed over during one delivery."""
_KEEP_ALIVE = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a delivery may connect to."""

    host: str
    port: int


def read_addresses(plugin: str, addresses: Mapping[str, str]) -> Mapping[str, Address]:
    """Return the addresses of a plugin's table, `host:port` by name.

    Raises:
        Misconfigured: one is something else, or its name is too long.
    """
    return {name: _address(plugin, name, text) for name, text in addresses.items()}


def _address(plugin: str, name: str, text: str) -> Address:
    with contextlib.suppress(ValueError):
        found = urlsplit(f"//{text}")
        plain = found.netloc == text and found.username is None
        if plain and found.hostname and found.port and len(name.encode("utf-8")) <= LONGEST_NAME:
            return Address(found.hostname, found.port)
    raise Misconfigured(f"plugin {plugin}: an address is written host:port, under a short name")


class Lender:
    """The gateway's end for one worker."""

    def __init__(self, addresses: Mapping[str, Address], channel: socket.socket) -> None:
        """Lend connections to `addresses` through `channel`, a packet socket of our own."""
        channel.setblocking(False)
        self._addresses = addresses
        self._channel = channel
        self._left = 0
        self._serving = asyncio.create_task(self._serve(), name="connections for a delivery")

    def renew(self) -> None:
        """Begin a delivery: it may have its share of connections."""
        self._left = MOST

    async def close(self) -> None:
        """Stop; what was handed over is the worker's."""
        self._serving.cancel()
        await asyncio.gather(self._serving, return_exceptions=True)
        self._channel.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        # A worker that asks and does not listen, or has hung up, gets nothing more.
        with contextlib.suppress(OSError):
            while asked := await loop.sock_recv(self._channel, LONGEST_NAME):
                await self._answer(asked)

    async def _answer(self, asked: bytes) -> None:
        address = self._addresses.get(asked.decode("utf-8", "replace"))
        if address is None:
            self._channel.send(UNKNOWN)
            return
        connected = await _connected(address) if self._left > 0 else None
        self._left -= 1
        if connected is None:
            self._channel.send(AWAY)
            return
        with connected:
            connected.setblocking(True)
            socket.send_fds(self._channel, [CONNECTED], [connected.fileno()])


async def _connected(address: Address) -> socket.socket | None:
    """Return a socket connected to the first of a host's addresses that answers in time."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(TimeoutError, OSError, UnicodeError):
        async with asyncio.timeout(CONNECT_S):
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            for family, kind, protocol, _, where in found:
                if (one := await _tried(family, kind, protocol, where)) is not None:
                    return one
    return None


async def _tried(
    family: int, kind: int, protocol: int, where: tuple[Any, ...]
) -> socket.socket | None:
    tried = socket.socket(family, kind, protocol)
    try:
        tried.setblocking(False)
        for option in _KEEP_ALIVE:
            tried.setsockopt(*option)
        await asyncio.get_running_loop().sock_connect(tried, where)
    except OSError:
        tried.close()
        return None
    except BaseException:
        tried.close()
        raise
    return tried
