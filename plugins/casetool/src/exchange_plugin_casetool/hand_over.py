"""Hands one document to a case tool: the files first, then one signed event that counts."""

import ipaddress
import socket
import time
from typing import Final

from exchange.errors import Misconfigured, Unavailable, Undeliverable
from exchange.hookspecs import Connections, DeliveredFolder
from exchange_plugin_casetool import request
from exchange_plugin_casetool.configure import CaseTool
from exchange_plugin_casetool.sent import Sent, about_event, about_file, signature

ADDRESS: Final = "casetool"
"""Name of the case tool in `addresses`."""
_GOOD: Final = range(200, 300)
_LATER: Final = frozenset({408, 425, 429, *range(500, 600)})
"""Answers after which it is tried again: the case tool, not the document, is at fault."""


async def hand_over(delivered: DeliveredFolder, tool: CaseTool, connections: Connections) -> None:
    """Send every file under its number, then the event that lists them all.

    Raises:
        Unavailable, Undeliverable: as `WebhookDelivery.deliver` says.
        Misconfigured: the case tool is reached without encryption, and not on this machine.
    """
    for number, file in enumerate(delivered.files, start=1):
        await _send(about_file(tool, delivered, file, number), tool, connections)
    await _send(about_event(tool, delivered), tool, connections)


async def _send(sent: Sent, tool: CaseTool, connections: Connections) -> None:
    now = int(time.time())
    fields = {**sent.fields, **signature(tool.keys, sent.id, now, sent.signed)}
    head = request.head_of(sent.method, sent.path, tool.server, fields)
    connection = await connections.connect(ADDRESS)
    if tool.tls is None and not _is_this_machine(connection):
        connection.close()
        raise Misconfigured("without encryption only a case tool on this machine is reached")
    status = await request.send(
        connection,
        head,
        sent.body,
        tls=tool.tls,
        server=tool.server,
        timeout_s=tool.timeout_s,
    )
    if status in _LATER:
        raise Unavailable("the case tool does not take the document now")
    if status not in _GOOD:
        raise Undeliverable("the case tool does not take the document")


def _is_this_machine(connection: socket.socket) -> bool:
    """Tell whether the other end is on this machine."""
    if connection.family == socket.AF_UNIX:
        return True
    return ipaddress.ip_address(connection.getpeername()[0]).is_loopback
