"""Hands converted documents to a case tool: the files first, then one signed event that counts."""

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from exchange.errors import Misconfigured, Unavailable, Undeliverable
from exchange.hookspecs import (
    CONTRACT,
    Connections,
    Declaration,
    DeliveredFile,
    DeliveredFolder,
    Delivery,
    Label,
    Secrets,
    Settings,
    hookimpl,
)
from exchange_plugin_casetool import configure
from exchange_plugin_casetool.configure import CaseTool

ADDRESS: Final = "casetool"
"""Name of the case tool in `addresses`."""
EVENT: Final = "document.delivered"
_PIECE: Final = 256 * 1024
_GOOD: Final = range(200, 300)
_LATER: Final = frozenset({408, 425, 429, *range(500, 600)})
"""Answers after which it is tried again: the case tool, not the document, is at fault."""


class WebhookDelivery:
    """Sends to one case tool. Source: Standard Webhooks 1.0.0 (signature), RFC 9530 (digest)."""

    def __init__(self, tool: CaseTool) -> None:
        self._tool = tool

    @property
    def key(self) -> str:
        """Name under which settings choose it."""
        return "casetool"

    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> None:
        """Send every file under its number, then the event that lists them all.

        The case tool keeps files aside until the event comes, and answers it with 2xx when it has
        the document for good. Everything is repeated under the same ids and paths.

        Raises:
            Unavailable: no connection, a foreign certificate, no answer in time, 408, 425, 429 or
                5xx.
            Undeliverable: any other answer, a redirect too; or a file is not what intake wrote.
        """
        for number, file in enumerate(delivered.files, start=1):
            await self._send(_file(self._tool, delivered, file, number), connections)
        await self._send(_event(self._tool, delivered), connections)

    async def _send(self, sent: "_Request", connections: Connections) -> None:
        # Imported here: the event loop takes longer to load than all the rest of a worker.
        from exchange_plugin_casetool import request  # noqa: PLC0415 - said above

        tool = self._tool
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One request, yet without its signature."""

    method: str
    path: str
    id: str
    """The same at every repetition."""
    signed: str
    """The JSON text that the signature covers."""
    fields: Mapping[str, str]
    body: Iterator[bytes]


def _file(tool: CaseTool, delivered: DeliveredFolder, file: DeliveredFile, number: int) -> _Request:
    """Return the request for one file. Signed is its description, which binds it by its digest."""
    described = json.dumps(
        {
            "document": delivered.disclosure_id,
            "number": number,
            "size": file.size,
            "sha256": file.sha256,
        }
    )
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode("ascii")
    return _Request(
        method="PUT",
        path=f"{tool.path}/{delivered.disclosure_id}/{number}",
        id=f"{delivered.disclosure_id}.{number}",
        signed=described,
        fields={
            "Content-Type": "application/octet-stream",
            "Content-Length": str(file.size),
            "Content-Digest": f"sha-256=:{digest}:",
            "Document-File": described,
        },
        body=_pieces(file),
    )


def _event(tool: CaseTool, delivered: DeliveredFolder) -> _Request:
    text = json.dumps(
        {
            "type": EVENT,
            "timestamp": f"{delivered.collected_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "data": {
                "id": delivered.disclosure_id,
                "sender": {"agency": delivered.sender, "name": delivered.sender_name},
                "purpose": _label(delivered.purpose),
                "category": _label(delivered.category),
                "secrecy": _label(delivered.secrecy),
                "files": [
                    {"number": number, "name": file.name, "size": file.size, "sha256": file.sha256}
                    for number, file in enumerate(delivered.files, start=1)
                ],
            },
        }
    )
    return _Request(
        method="POST",
        path=tool.path,
        id=delivered.disclosure_id,
        signed=text,
        fields={"Content-Type": "application/json", "Content-Length": str(len(text))},
        body=iter([text.encode("ascii")]),
    )


def signature(keys: Sequence[bytes], identifier: str, now: int, text: str) -> Mapping[str, str]:
    """Return the three fields that prove who sent `text`, one signature for each key.

    Args:
        keys: two while the receiver changes its key: it accepts either.
        identifier: `Webhook-Id`, the same at every repetition.
        now: seconds since 1970; receivers refuse what is older than some minutes.
        text: what the receiver verifies.
    """
    signed = f"{identifier}.{now}.{text}".encode()
    made = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    return {
        "Webhook-Id": identifier,
        "Webhook-Timestamp": str(now),
        "Webhook-Signature": " ".join(f"v1,{value}" for value in made),
    }


def _pieces(file: DeliveredFile) -> Iterator[bytes]:
    left = file.size
    with file.path.open("rb") as content:
        while piece := content.read(_PIECE):
            left -= len(piece)
            if left < 0:
                break
            yield piece
    if left != 0:
        raise Undeliverable("a file is not the one that intake wrote")


def _label(label: Label) -> Mapping[str, str]:
    return {"code": label.code, "de": label.de, "en": label.en}


def _is_this_machine(connection: socket.socket) -> bool:
    """Tell whether the other end is on this machine."""
    if connection.family == socket.AF_UNIX:
        return True
    return ipaddress.ip_address(connection.getpeername()[0]).is_loopback


@hookimpl
def declare_plugin() -> Declaration:
    """Declare that documents reach the agency's own case tool, and nobody else."""
    return Declaration(
        contract=CONTRACT,
        licence="EUPL-1.2",
        sees_plaintext=True,
        endpoints=("case tool of the agency",),
    )


@hookimpl
def register_deliveries(settings: Settings, secrets: Secrets) -> Sequence[Delivery]:
    """Register the one delivery of this plugin.

    Raises:
        Misconfigured: a setting or a secret is missing, unknown or unfit.
    """
    return [WebhookDelivery(configure.read(settings, secrets))]
