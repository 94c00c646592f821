"""Reset a connection so that nothing more of it arrives."""

import asyncio
import socket
import struct
from typing import Final

NOW: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 seconds: close drops what was not sent and resets the connection."""
USUAL: Final = struct.pack("ii", 0, 0)


def cut(transport: asyncio.Transport | None) -> None:
    """Reset a connection at once: nothing that is still buffered is sent.

    `close()` and a plain `abort()` still deliver what the kernel has accepted, megabytes of it.
    """
    if transport is None:
        return
    linger(transport, NOW)
    transport.abort()


def linger(transport: asyncio.Transport, how: bytes) -> None:
    """Say what a close does with unsent bytes: `NOW` drops them, `USUAL` delivers them."""
    found = transport.get_extra_info("socket")
    if found is None or transport.is_closing():
        return
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)
    except OSError:  # closed meanwhile: nothing is left to be cut
        return
