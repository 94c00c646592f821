"""What is sent to a case tool: a request for each file, one for the event, and their signatures."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from exchange.errors import Undeliverable
from exchange.hookspecs import DeliveredFile, DeliveredFolder, Label
from exchange_plugin_casetool.configure import CaseTool

EVENT: Final = "document.delivered"
_PIECE: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request, yet without its signature."""

    method: str
    path: str
    id: str
    """The same at every repetition."""
    signed: str
    """The JSON text that the signature covers."""
    fields: Mapping[str, str]
    body: Iterator[bytes]


def about_file(
    tool: CaseTool, delivered: DeliveredFolder, file: DeliveredFile, number: int
) -> Sent:
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
    return Sent(
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


def about_event(tool: CaseTool, delivered: DeliveredFolder) -> Sent:
    """Return the request for the event that lists all files: what the case tool acts on."""
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
    return Sent(
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
