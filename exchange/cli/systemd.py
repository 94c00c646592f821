"""Tells systemd how far the program is (sd_notify(3)); nothing where no systemd listens."""

import os
import socket
from contextlib import suppress

READY = "READY=1"


def notify(state: str) -> None:
    """Send one state to whoever started the program and asked to be told."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with (
        suppress(OSError),  # nobody listens any more: that is no reason not to serve
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel,
    ):
        channel.connect(address)
        channel.send(state.encode("ascii"))
