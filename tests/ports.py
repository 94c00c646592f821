"""A port for a server that is started later, in this process or in another one."""

import secrets
import socket
from contextlib import suppress


def free_port() -> int:
    """Return a port below those that the system gives to clients: it is found free again."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
