"""Writes one RFC 5322 message with attachments, piece by piece: never a document in memory.

Header fields are constant words, settings and ids; what a stranger wrote stands in the body and in
percent-encoded names of attachments only (RFC 2231), where it can end no line. Every part is
base64, so no line of a document is ever a line of the message.
"""

import base64
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from exchange.errors import Malformed
from exchange.hookspecs import DocumentFile, DocumentPackage, Label
from exchange_plugin_mailbox.configure import Envelope

_PIECE: Final = 57 * 16 * 1024
"""Bytes read at once: whole lines of 76 signs (RFC 2045, section 6.8), about 900 KiB."""
_OPAQUE: Final = "application/octet-stream"
"""For attached messages: RFC 2046 forbids base64 on `message/rfc822`, and a reader would open them
as part of ours."""


def write(package: DocumentPackage, envelope: Envelope, place: Path) -> None:
    """Write the message for `package` to the new file `place`.

    Raises:
        Malformed: a file has another size than its contents list says.
    """
    boundary = f"=_{package.disclosure_id}"  # "=_" stands in no line of base64
    with place.open("xb") as mail:
        mail.write(_head(package, envelope, boundary))
        mail.write(
            _part_head(boundary, 'text/plain; charset="utf-8"', "Content-Disposition: inline")
        )
        mail.write(_lines(_words(package).encode()))
        for file in package.files:
            media_type = _OPAQUE if file.media_type == "message/rfc822" else file.media_type
            named = f"attachment;\r\n filename*=utf-8''{quote(file.name, safe='')}"
            mail.write(_part_head(boundary, media_type, f"Content-Disposition: {named}"))
            for piece in _encoded(file):
                mail.write(piece)
        mail.write(f"--{boundary}--\r\n".encode("ascii"))


def _head(package: DocumentPackage, envelope: Envelope, boundary: str) -> bytes:
    """Return the header section; the library folds it and refuses line breaks."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = envelope.sender
    mail["To"] = envelope.recipient
    mail["Subject"] = f"Unterlagen von {package.sender} [{package.disclosure_id[:8]}]"
    mail["Date"] = package.collected_at
    mail["Message-ID"] = f"<{package.disclosure_id}@{envelope.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer by a machine
    mail["MIME-Version"] = "1.0"
    mail["Content-Type"] = f'multipart/mixed; boundary="{boundary}"'
    return b"".join(SMTP.fold_binary(name, value) for name, value in mail.items()) + b"\r\n"


def _part_head(boundary: str, media_type: str, disposition: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-Type: {media_type}\r\n"
        f"Content-Transfer-Encoding: base64\r\n{disposition}\r\n\r\n"
    ).encode("ascii")


def _encoded(file: DocumentFile) -> Iterator[bytes]:
    size = 0
    with file.path.open("rb") as content:
        while piece := content.read(_PIECE):
            size += len(piece)
            yield _lines(piece)
    if size != file.size:
        raise Malformed("a file has another size than its contents list says")


def _lines(piece: bytes) -> bytes:
    return base64.encodebytes(piece).replace(b"\n", b"\r\n")


def _words(package: DocumentPackage) -> str:
    """Return the text a person reads first: the notice, then who, what for, how secret."""
    facts = [
        ("Absender / Sender", f"{package.sender_name} ({package.sender})"),
        ("Zweck / Purpose", _label(package.purpose)),
        ("Art / Kind", _label(package.category)),
        ("Geheimhaltung / Secrecy", _label(package.secrecy)),
        ("Gesendet / Sent", _moment(package.sent_at)),
        ("Abgeholt / Collected", _moment(package.collected_at)),
        ("Kennung / Identifier", package.disclosure_id),
    ]
    if package.consent is not None:
        facts.append(("Einwilligung gilt bis / Consent ends", _moment(package.consent.valid_until)))
    if package.reference:
        facts.append(("Zeichen des Absenders / Sender's reference", package.reference))
    if package.remark:
        facts.append(("Bemerkung / Remark", package.remark))
    files = [
        f"{file.name} ({file.size} Bytes, SHA-256 {file.sha256})"
        + (", enthält Angaben über andere Personen / also tells of others" * file.third_party)
        for file in package.files
    ]
    notice = [_plain(line) for line in package.notice.split("\n")] if package.notice else []
    said = [f"{name}: {_plain(value)}" for name, value in facts]
    listed = ["Dateien / Files:", *(f"- {_plain(line)}" for line in files)]
    return "\r\n".join([*notice, *said, "", *listed, ""])


def _label(label: Label) -> str:
    return f"{label.de} / {label.en}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo('Europe/Berlin')):%d.%m.%Y, %H:%M} Uhr"


def _plain(words: str) -> str:
    """Return a stranger's words on one line, without control and direction characters."""
    flat = words.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(sign) in {"Cc", "Cf"} else sign
        for sign in flat
    )
