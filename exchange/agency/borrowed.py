"""Connections of a delivery worker: asked of the gateway, which opens them and hands them over.

The worker itself can make no socket and connect none. Runs in the worker; the gateway's side is
`lend`.
"""

import socket
from typing import Final

from exchange.errors import Misconfigured, Unavailable

CONNECTED: Final = b"connected"
UNKNOWN: Final = b"unknown"
AWAY: Final = b"away"
LONGEST_NAME: Final = 255
"""Bytes of the name of an address."""


class Borrowed:
    """The one way of a delivery to other systems."""

    def __init__(self, channel: int) -> None:
        """Ask through the descriptor `channel`, whose other end is the gateway's."""
        self._channel = socket.socket(fileno=channel)

    async def connect(self, name: str) -> socket.socket:
        """Return a connected TCP socket; see `exchange.hookspecs.Connections`."""
        asked = name.encode("utf-8")
        if not 0 < len(asked) <= LONGEST_NAME:
            raise Misconfigured("the settings name no such address")
        try:
            self._channel.sendall(asked)
            said, descriptors, _, _ = socket.recv_fds(self._channel, LONGEST_NAME, 1)
        except OSError:
            raise Unavailable("the gateway hands over no connection") from None
        if said == CONNECTED and descriptors:
            return socket.socket(fileno=descriptors[0])
        if said == UNKNOWN:
            raise Misconfigured("the settings name no such address")
        raise Unavailable("nobody listens there now")
