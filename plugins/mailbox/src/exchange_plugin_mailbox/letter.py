"""Writes one RFC 5322 message with attachments, piece by piece: never a document in memory.

Header fields are constant words, settings and ids; what a stranger wrote stands in the body and in
percent-encoded names of attachments only (RFC 2231), where it can end no line. Every part is
base64, so no line of a document is ever a line of the message.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Final
from urllib.parse import quote

from exchange.errors import Malformed
from exchange.hookspecs import DeliveredFolder, DocumentPackage
from exchange_plugin_mailbox import kinds, words
from exchange_plugin_mailbox.configure import Envelope

_PIECE: Final = 57 * 16 * 1024
"""Bytes read at once: whole lines of 76 signs (RFC 2045, section 6.8), about 900 KiB."""
_OPAQUE: Final = "application/octet-stream"
"""For attached messages: RFC 2046 forbids base64 on `message/rfc822`, and a reader would open them
as part of ours."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file that a message carries."""

    name: str
    media_type: str
    size: int
    """Bytes."""
    path: Path


def of_package(package: DocumentPackage, envelope: Envelope) -> Iterator[bytes]:
    """Yield the message for what one disclosure brought, in pieces.

    Raises:
        Malformed: a file has another size than its contents list says.
    """
    attached = [
        Attachment(file.name, file.media_type, file.size, file.path) for file in package.files
    ]
    return _pieces(package, envelope, words.of_package(package), attached)


def of_delivered(delivered: DeliveredFolder, envelope: Envelope) -> Iterator[bytes]:
    """Yield a message for what another intake format has made of a document, in pieces.

    Raises:
        Malformed: a file has another size than intake said.
    """
    attached = [
        Attachment(file.name, kinds.guessed(file.name), file.size, file.path)
        for file in delivered.files
    ]
    return _pieces(delivered, envelope, words.of_delivered(delivered), attached)


def _pieces(
    document: DocumentPackage | DeliveredFolder,
    envelope: Envelope,
    text: str,
    attached: Sequence[Attachment],
) -> Iterator[bytes]:
    boundary = f"=_{document.disclosure_id}"  # "=_" stands in no line of base64
    yield _head(document, envelope, boundary)
    yield _part_head(boundary, 'text/plain; charset="utf-8"', "inline")
    yield _lines(text.encode())
    for file in attached:
        media_type = _OPAQUE if file.media_type == "message/rfc822" else file.media_type
        named = f"attachment;\r\n filename*=utf-8''{quote(file.name, safe='')}"
        yield _part_head(boundary, media_type, named)
        yield from _encoded(file)
    yield f"--{boundary}--\r\n".encode("ascii")


def _head(document: DocumentPackage | DeliveredFolder, envelope: Envelope, boundary: str) -> bytes:
    """Return the header section; the library folds it and refuses line breaks."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = envelope.sender
    mail["To"] = envelope.recipient
    mail["Subject"] = f"Unterlagen von {document.sender} [{document.disclosure_id[:8]}]"
    mail["Date"] = document.collected_at
    mail["Message-ID"] = f"<{document.disclosure_id}@{envelope.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer by a machine
    mail["MIME-Version"] = "1.0"
    mail["Content-Type"] = f'multipart/mixed; boundary="{boundary}"'
    return b"".join(SMTP.fold_binary(name, value) for name, value in mail.items()) + b"\r\n"


def _part_head(boundary: str, media_type: str, disposition: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-Type: {media_type}\r\n"
        f"Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: {disposition}\r\n\r\n"
    ).encode("ascii")


def _encoded(file: Attachment) -> Iterator[bytes]:
    size = 0
    with file.path.open("rb") as content:
        while piece := content.read(_PIECE):
            size += len(piece)
            yield _lines(piece)
    if size != file.size:
        raise Malformed("a file has another size than its contents list says")


def _lines(piece: bytes) -> bytes:
    return base64.encodebytes(piece).replace(b"\n", b"\r\n")
