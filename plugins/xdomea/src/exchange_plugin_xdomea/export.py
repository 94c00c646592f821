"""Reads what a back office exports as xdomea, 3.0.0 or 4.0.0, into files to send.

A tolerant reader: it takes what it needs by name and passes over the rest, because exports of real
systems differ. It is strict where something could be sent that nobody meant: each file of the
export must be spoken of in the message, each file spoken of must be there, of a document only the
newest version goes, and where any of this cannot be told, nothing does.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from exchange.errors import Malformed
from exchange.hookspecs import ExportedFile, OutgoingFile, OutgoingPackage
from exchange_plugin_xdomea import foreign
from exchange_plugin_xdomea.configure import LARGEST
from exchange_plugin_xdomea.kinds import ending_of, kind_of
from exchange_plugin_xdomea.names import free_name
from exchange_plugin_xdomea.sources import Source, opened

NAMESPACES = (foreign.NAMESPACE, "urn:xoev-de:xdomea:schema:4.0.0")
CARRIERS = (
    "Information.Information.0101",
    "Geschaeftsgang.Geschaeftsgang.0201",
    "Abgabe.Abgabe.0401",
    "Aussonderung.Aussonderung.0503",
)
"""The messages that carry documents."""
_CARRIER_NAME = re.compile(r"[0-9A-Fa-f-]{36}_[A-Za-z]+\.[A-Za-z]+\.[0-9]{4}\.xml")
_PLAIN_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")
_DIGESTS = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_LONGEST_NUMBER = 200
"""Characters of a file number."""
_PAPERS = ("Dokument", "Schriftstueck", "Anlage", "Anschreiben")
"""Elements that are a document."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One document of a message, in the one version and format that is sent."""

    file: str
    """Name in the export."""
    name: str
    """What people call it."""
    type: str
    """Words for its kind; empty when the message does not say."""
    reference: str
    """File number of the matter or record it is in; empty when the message does not say."""
    digests: tuple[tuple[str, str], ...]
    """Algorithm and hexadecimal digest that the message states (4.0.0)."""


def export(
    exported: Sequence[ExportedFile], target: Path, categories: Mapping[str, str]
) -> OutgoingPackage:
    """Write the newest version of each document of the message.

    Args:
        exported: one archive, or separate files.
        target: empty folder.
        categories: codes of kinds of documents by the words that the back office uses.

    Raises:
        Malformed: it is no such message, or cannot be told what of it is to be sent.
    """
    with opened(exported, most=LARGEST) as sources:
        name = _carrier_among(sources)
        root = foreign.parse(sources[name].read(foreign.LARGEST_XML))
        found = list(papers(root))
        _check_complete(root, found, sources.keys() - {name})
        files = tuple(_written(found, sources, target))
    return OutgoingPackage(
        files=files,
        category=_only({categories.get(paper.type, "") for paper in found}),
        reference=_only({paper.reference for paper in found}),
    )


def papers(root: etree._Element) -> Iterator[Paper]:
    """Yield the documents of a message in its order.

    Raises:
        Malformed: it is no message that carries documents, a document is on paper only, or it
            cannot be told which version is the newest.
    """
    name = etree.QName(root)
    if name.namespace not in NAMESPACES or name.localname not in CARRIERS:
        raise Malformed("it is no message of xdomea 3.0.0 or 4.0.0 that carries documents")
    names = {"x": name.namespace}
    for element in root.iter(*(f"{{{name.namespace}}}{kind}" for kind in _PAPERS)):
        versions = element.xpath("x:Version[x:Format]", namespaces=names)
        if versions:
            yield _paper(element, _newest(versions, names), names)
        elif not element.xpath(".//x:Primaerdokument", namespaces=names):
            raise Malformed("a document of the message has no file")


def _newest(versions: Sequence[etree._Element], names: Mapping[str, str]) -> etree._Element:
    """Return the version of the highest number; its number is free text in the standard."""
    if len(versions) == 1:
        return versions[0]
    numbers = [_text(version, "x:Nummer", names) for version in versions]
    if not all(map(_PLAIN_NUMBER.fullmatch, numbers)):
        raise Malformed("it cannot be told which version of a document is the newest")
    ranks = [tuple(map(int, number.split("."))) for number in numbers]
    if ranks.count(max(ranks)) != 1:
        raise Malformed("it cannot be told which version of a document is the newest")
    return versions[ranks.index(max(ranks))]


def _paper(element: etree._Element, version: etree._Element, names: Mapping[str, str]) -> Paper:
    """Return the document in the format to send: PDF where there is one, else the first."""
    primaries = version.xpath("x:Format/x:Primaerdokument", namespaces=names)
    if not primaries:
        raise Malformed("a document of the message has no file")
    primary = next(
        (one for one in primaries if ending_of(_text(one, "x:Dateiname", names)) == ".pdf"),
        primaries[0],
    )
    file = _text(primary, "x:Dateiname", names)
    return Paper(
        file=file,
        name=_text(primary, "x:DateinameOriginal", names) or file,
        type=_text(element, "x:Typ", names),
        reference=_reference(element, names),
        digests=tuple(
            (_text(stated, "x:Algorithmus/code", names), _text(stated, "x:Wert", names).lower())
            for stated in primary.xpath("x:Hash", namespaces=names)
        ),
    )


def _reference(element: etree._Element, names: Mapping[str, str]) -> str:
    """Return the file number of the nearest matter around a document, else of the record."""
    for around in ("Vorgang", "Akte"):
        found = element.xpath(
            f"ancestor::x:{around}[1]/x:AllgemeineMetadaten/x:Kennzeichen", namespaces=names
        )
        if found:
            return _number(found[0].text or "")
    return _number(_text(element, "x:FremdesGeschaeftszeichen", names))


def _number(text: str) -> str:
    """Return a file number on one line; empty for what cannot be one."""
    number = " ".join(text.split())
    return number if number.isprintable() and len(number) <= _LONGEST_NUMBER else ""


def _text(element: etree._Element, path: str, names: Mapping[str, str]) -> str:
    found = element.find(path, namespaces=dict(names))
    return "" if found is None else (found.text or "").strip()


def _carrier_among(sources: Mapping[str, Source]) -> str:
    """Return the name of the message: the one so called, or the only XML there is."""
    called = [name for name in sources if _CARRIER_NAME.fullmatch(name)]
    found = called or [name for name in sources if ending_of(name) == ".xml"]
    if len(found) != 1:
        raise Malformed("the export holds no message, or more than one")
    return found[0]


def _check_complete(root: etree._Element, found: Sequence[Paper], files: set[str]) -> None:
    """Check that message and files speak of each other.

    Older versions, other formats and detached signatures may lie there: they are not sent.
    """
    namespace = etree.QName(root).namespace
    spoken = {
        (element.text or "").strip()
        for element in root.iter(f"{{{namespace}}}Dateiname", f"{{{namespace}}}SignaturSiegelDatei")
    }
    sent = [paper.file for paper in found]
    if not sent:
        raise Malformed("the message carries no document")
    if len(set(sent)) != len(sent):
        raise Malformed("two documents of the message are the same file")
    if not set(sent) <= files:
        raise Malformed("a file that the message speaks of is not there")
    if not files <= spoken:
        raise Malformed("a file is there that the message does not speak of")


def _written(
    found: Sequence[Paper], sources: Mapping[str, Source], target: Path
) -> Iterator[OutgoingFile]:
    taken: set[str] = set()
    for paper in found:
        name = free_name(paper.name, ending_of(paper.file), taken)
        taken.add(name.casefold())
        sources[paper.file].copy(target / name)
        _check_digests(paper, target / name)
        yield OutgoingFile(name=name, media_type=kind_of(name, target / name).media_type)


def _check_digests(paper: Paper, place: Path) -> None:
    for algorithm, stated in paper.digests:
        if algorithm not in _DIGESTS:
            raise Malformed("a file has a digest of a kind that this format does not know")
        with place.open("rb") as content:
            if hashlib.file_digest(content, _DIGESTS[algorithm]).hexdigest() != stated:
                raise Malformed("a file is not the one that the message speaks of")


def _only(values: set[str]) -> str:
    """Return the one value, or an empty text where documents differ."""
    return values.pop() if len(values) == 1 else ""
