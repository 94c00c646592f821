"""Writes the message: `Abgabe.Abgabe.0401` of xdomea 3.0.0, the general hand-over.

Each file is a `Dokument` of its own with one version: nothing is claimed of a record or a matter
that the sender did not hand over. What the exchange knows beyond xdomea stands in the header's
`AnwendungsspezifischeErweiterung`, as fields.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from lxml import etree

from exchange.hookspecs import ConsentTerms, DocumentFile, DocumentPackage
from exchange_plugin_xdomea.foreign import NAMESPACE
from exchange_plugin_xdomea.kinds import OTHER, ending_of, kinds

HAND_OVER = "Abgabe.Abgabe.0401"
"""Name of the root, and last part of the names of files."""
_LISTS = "urn:xoev-de:xdomea:codeliste:"
_EXTENSION = "urn:consent-exchange:xdomea:1"
"""Which fields the extension has; the README lists them."""
_OTHERS = "Enthält Angaben über andere Personen; sie dürfen nicht genutzt werden."


def build(
    package: DocumentPackage, files: Sequence[tuple[str, DocumentFile]], *, office: str
) -> etree._Element:
    """Return the root of the message.

    Args:
        package: what arrived.
        files: name in the archive and file, in the sender's order.
        office: name of the receiving office; empty when settings do not say.
    """
    root = etree.Element(_name(HAND_OVER), nsmap={"xdomea": NAMESPACE})
    _add_head(_add(root, "Kopf"), package, office)
    for number, (name, file) in enumerate(files, start=1):
        document = _add(_add(root, "Schriftgutobjekt"), "Dokument")
        _add_document(document, package, number, name, file)
    return root


def id_of(package: DocumentPackage, what: str) -> str:
    """Return an id that is the same each time this disclosure is converted."""
    return str(uuid5(UUID(package.disclosure_id), what))


def name_in_archive(package: DocumentPackage, number: int, file: DocumentFile) -> str:
    """Return the name of a file in the archive, of the form "UUID.format" that xdomea knows."""
    return id_of(package, f"file {number}") + ending_of(file.name)


def _add_head(head: etree._Element, package: DocumentPackage, office: str) -> None:
    _add(head, "ProzessID", package.disclosure_id)
    _add_code(head, "Nachrichtentyp", ("nachrichtentyp", "2.0"), "0401", "Abgabe.Abgabe")
    _add(head, "Erstellungszeitpunkt", _moment(package.collected_at))
    sender = _add(_add(head, "Absender"), "Institution")
    _add(sender, "Name", package.sender_name)
    _add(sender, "Kurzbezeichnung", package.sender)
    receiver = _add(head, "Empfaenger")
    if office:
        _add(_add(receiver, "Institution"), "Name", office)
    _add(head, "Hinweis", _hint(package))
    extension = _add(head, "AnwendungsspezifischeErweiterung")
    _add(extension, "Kennung", _EXTENSION)
    _add(extension, "Name", "Übermittlung mit Einwilligung")
    for name, value in _fields(package):
        field = _add(extension, "Feld")
        _add(field, "Name", name)
        _add(field, "Wert", value)
    _add(head, "Importbestaetigung", "1")  # the schema admits no other value
    _add(head, "Empfangsbestaetigung", "0")


def _hint(package: DocumentPackage) -> str:
    """Return what a person reads first: the notice that is due, then what this is about."""
    about = [
        f"Zweck: {package.purpose.de}",
        f"Art der Unterlage: {package.category.de}",
        f"Geheimhaltung: {package.secrecy.de}",
    ]
    if package.remark:
        about.append(f"Bemerkung: {package.remark}")
    return "\n\n".join(part for part in (package.notice, "\n".join(about)) if part)


def _fields(package: DocumentPackage) -> Iterator[tuple[str, str]]:
    yield "disclosure", package.disclosure_id
    yield "sender", package.sender
    yield "purpose", package.purpose.code
    yield "category", package.category.code
    yield "secrecy", package.secrecy.code
    yield "sent_at", _moment(package.sent_at)
    yield "collected_at", _moment(package.collected_at)
    if package.consent is not None:
        yield from _consent_fields(package.consent)


def _consent_fields(terms: ConsentTerms) -> Iterator[tuple[str, str]]:
    yield "consent", terms.id
    yield "consent_sha256", terms.sha256
    yield "consent_agreement", terms.agreement
    yield "consent_subject", terms.subject_ref
    yield "consent_purpose", terms.purpose_words
    yield "consent_categories", " ".join(label.code for label in terms.categories)
    yield "consent_recipients", " ".join(terms.recipients)
    yield "consent_valid_from", _moment(terms.valid_from)
    yield "consent_valid_until", _moment(terms.valid_until)


def _add_document(
    document: etree._Element, package: DocumentPackage, number: int, name: str, file: DocumentFile
) -> None:
    _add(_add(document, "Identifikation"), "ID", id_of(package, f"document {number}"))
    about = _add(document, "AllgemeineMetadaten")
    _add(about, "Betreff", package.category.de)
    secrecy = f"Geheimhaltung: {package.secrecy.de}"
    _add(about, "Bemerkung", f"{secrecy}\n{_OTHERS}" if file.third_party else secrecy)
    _add_code(about, "Medium", ("medium", "1.0"), "001")
    if package.reference:
        _add(document, "FremdesGeschaeftszeichen", package.reference)
    _add(document, "Posteingangsdatum", _day(package.collected_at))
    _add(document, "Postausgangsdatum", _day(package.sent_at))
    _add(document, "Typ", package.category.code)
    version = _add(document, "Version")
    _add(version, "Nummer", "1")
    _add_format(_add(version, "Format"), name, file)


def _add_format(file_format: etree._Element, name: str, file: DocumentFile) -> None:
    ending = ending_of(file.name)
    code = next(kind.codes[ending] for kind in kinds() if ending in kind.codes)
    _add_code(file_format, "Name", ("dateiformat", "1.0"), code)
    if code == OTHER:
        _add(file_format, "SonstigerName", ending.removeprefix("."))
    _add(file_format, "Version", "")
    primary = _add(file_format, "Primaerdokument")
    _add(primary, "Dateiname", name)
    _add(primary, "DateinameOriginal", file.name)


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, _name(name))
    child.text = None if text is None else _plain(text)
    return child


def _add_code(
    parent: etree._Element, name: str, code_list: tuple[str, str], code: str, words: str = ""
) -> None:
    child = _add(parent, name)
    child.set("listURI", _LISTS + code_list[0])
    child.set("listVersionID", code_list[1])
    etree.SubElement(child, "code").text = code  # unqualified, as XÖV defines its codes
    if words:
        etree.SubElement(child, "name").text = words


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"


def _plain(text: str) -> str:
    """Return `text` with plain ends of lines, and U+FFFD for what XML 1.0 cannot hold."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join("\ufffd" if _is_foreign(character) else character for character in lines)


def _is_foreign(character: str) -> bool:
    return character not in "\n\t" and (
        unicodedata.category(character) in {"Cc", "Cs"} or character in "\ufffe\uffff"
    )


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%d}"
