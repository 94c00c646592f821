"""The text of a mail, German and English: the notice first, then who, what for, how secret."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from exchange.hookspecs import DeliveredFile, DeliveredFolder, DocumentFile, DocumentPackage, Label

Facts: TypeAlias = list[tuple[str, str]]


def of_package(package: DocumentPackage) -> str:
    """Return the text for what one disclosure brought."""
    facts = _facts(package)
    facts.insert(4, ("Gesendet / Sent", _moment(package.sent_at)))
    if package.consent is not None:
        facts.append(("Einwilligung gilt bis / Consent ends", _moment(package.consent.valid_until)))
    if package.reference:
        facts.append(("Zeichen des Absenders / Sender's reference", package.reference))
    if package.remark:
        facts.append(("Bemerkung / Remark", package.remark))
    notice = package.notice.split("\n") if package.notice else []
    return _text(notice, facts, package.files)


def of_delivered(delivered: DeliveredFolder) -> str:
    """Return the text for what another intake format has made; the notice is one of its files."""
    return _text([], _facts(delivered), delivered.files)


def _facts(document: DocumentPackage | DeliveredFolder) -> Facts:
    return [
        ("Absender / Sender", f"{document.sender_name} ({document.sender})"),
        ("Zweck / Purpose", _label(document.purpose)),
        ("Art / Kind", _label(document.category)),
        ("Geheimhaltung / Secrecy", _label(document.secrecy)),
        ("Abgeholt / Collected", _moment(document.collected_at)),
        ("Kennung / Identifier", document.disclosure_id),
    ]


def _text(
    notice: Sequence[str], facts: Facts, files: Sequence[DocumentFile] | Sequence[DeliveredFile]
) -> str:
    said = [f"{name}: {_plain(value)}" for name, value in facts]
    listed = ["", "Dateien / Files:", *(f"- {_plain(_file(file))}" for file in files), ""]
    return "\r\n".join([*map(_plain, notice), *said, *listed])


def _file(file: DocumentFile | DeliveredFile) -> str:
    line = f"{file.name} ({file.size} Bytes, SHA-256 {file.sha256})"
    if isinstance(file, DocumentFile) and file.third_party:
        line += ", enthält Angaben über andere Personen / also tells of other persons"
    return line


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
