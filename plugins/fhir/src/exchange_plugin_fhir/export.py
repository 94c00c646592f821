"""Reads a bundle that a back office exports into files to send.

Only what the bundle itself holds, or what lies beside it, is read: nothing is ever fetched. Where
something could be sent that nobody meant, or left out that somebody did, nothing is.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from exchange.errors import Malformed
from exchange.hookspecs import ExportedFile, OutgoingFile, OutgoingPackage
from exchange_plugin_fhir import strict
from exchange_plugin_fhir.check import check, model
from exchange_plugin_fhir.configure import Configured
from exchange_plugin_fhir.kinds import kind_of, kinds
from exchange_plugin_fhir.names import free_name
from exchange_plugin_fhir.sources import Source, inside, resolved
from exchange_plugin_fhir.systems import Node

LARGEST = 1 << 30
"""Bytes of an export."""
_LONGEST_NUMBER = 200
"""Characters of a file number."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One document of a bundle, in the one rendition that is sent."""

    attachment: Node
    source: Source
    category: str
    """Code of its kind; empty when the settings do not know its type."""
    number: str
    """File number; empty when the bundle does not say."""


class FhirExport:
    """Reads Bundles of documents: collection, document or transaction.

    Source: HL7 FHIR R4 (4.0.1), R4B (4.3.0) or R5 (5.0.0), as the settings say.
    """

    def __init__(self, chosen: Configured) -> None:
        """Take the settings of the plugin."""
        self._chosen = chosen

    @property
    def key(self) -> str:
        """`fhir`."""
        return "fhir"

    @property
    def media_types(self) -> frozenset[str]:
        """Bundles, and the files beside them."""
        return frozenset({"application/fhir+json", "application/json", *kinds()})

    @property
    def max_size(self) -> int:
        """1 GiB."""
        return LARGEST

    async def read(self, exported: Sequence[ExportedFile], target: Path) -> OutgoingPackage:
        """Write each document of the bundle."""
        export = _bundle_among(exported)
        bundle = strict.bundle_of(strict.read(export.path), extensions=self._chosen.extensions)
        check(bundle, model(self._chosen.version))
        beside = {file.name: Source(file.path) for file in exported if file is not export}
        papers = self._papers(bundle, beside | inside(bundle))
        return OutgoingPackage(
            files=tuple(_written(papers, target)),
            category=_only({paper.category for paper in papers}),
            reference=_only({paper.number for paper in papers}),
        )

    def _papers(self, bundle: Node, sources: Mapping[str, Source]) -> list[Paper]:
        """Return the documents; they speak of every content that is there, and of no other."""
        spoken: set[Source] = set()
        papers = []
        for resource in _documents(bundle):
            renditions = [
                (content["attachment"], resolved(content["attachment"], sources))
                for content in resource["content"]
            ]
            spoken.update(source for _, source in renditions)
            attachment, source = _chosen(renditions)
            category, number = self._category(resource), self._number(resource)
            papers.append(Paper(attachment, source, category, number))
        if not papers:
            raise Malformed("the bundle refers to no document")
        if len({paper.source for paper in papers}) != len(papers):
            raise Malformed("two documents of the bundle are the same content")
        if set(sources.values()) - spoken:
            raise Malformed("a content is there that no document of the bundle speaks of")
        return papers

    def _category(self, resource: Node) -> str:
        for coding in resource.get("type", {}).get("coding", []):
            code = f"{coding.get('system', '')}|{coding.get('code', '')}"
            if code in self._chosen.categories:
                return self._chosen.categories[code]
        return ""

    def _number(self, resource: Node) -> str:
        for identifier in resource.get("identifier", []):
            if identifier.get("system") == self._chosen.file_numbers:
                number = " ".join(str(identifier.get("value", "")).split())
                return number if number.isprintable() and len(number) <= _LONGEST_NUMBER else ""
        return ""


def _bundle_among(exported: Sequence[ExportedFile]) -> ExportedFile:
    """Return the bundle: the file so called, or the only JSON there is."""
    called = [file for file in exported if file.name == "bundle.json"]
    found = called or [file for file in exported if PurePath(file.name).suffix == ".json"]
    if len(found) == 1:
        return found[0]
    raise Malformed("the export holds no bundle, or more than one")


def _documents(bundle: Node) -> Iterator[Node]:
    """Yield the documents.

    Raises:
        Malformed: one of them no longer holds.
    """
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "DocumentReference":
            if resource["status"] != "current" or resource.get("docStatus") == "entered-in-error":
                raise Malformed("a document of the bundle no longer holds")
            yield resource


def _chosen(renditions: Sequence[tuple[Node, Source]]) -> tuple[Node, Source]:
    """Return the rendition to send: PDF where there is one, else the first."""
    pdf = (one for one in renditions if one[0].get("contentType") == "application/pdf")
    return next(pdf, renditions[0])


def _written(papers: Sequence[Paper], target: Path) -> Iterator[OutgoingFile]:
    taken: set[str] = set()
    for paper in papers:
        claimed = str(paper.attachment.get("contentType", ""))
        media_type = claimed.partition(";")[0].strip().lower()
        if media_type not in kinds():
            raise Malformed("a document is of a media type that this format does not take")
        name = _name(paper, kinds()[media_type].endings, taken)
        taken.add(name.casefold())
        _write(paper, target / name)
        kind_of(media_type, name, target / name)
        yield OutgoingFile(name=name, media_type=media_type)


def _name(paper: Paper, endings: Sequence[str], taken: set[str]) -> str:
    title = str(paper.attachment.get("title", ""))
    ending = PurePath(title).suffix.lower()
    return free_name(title, ending if ending in endings else endings[0], taken)


def _write(paper: Paper, place: Path) -> None:
    """Write a content and compare it with what its attachment says of it."""
    # SHA-1 is what FHIR states of an attachment. It shows accidents; nobody trusts it further.
    digest, size = hashlib.sha1(usedforsecurity=False), 0
    with place.open("xb") as written:
        for block in paper.source.blocks():
            digest.update(block)
            size += len(block)
            written.write(block)
    if str(paper.attachment.get("size", size)) != str(size):
        raise Malformed("a document has another size than the bundle says")
    right = base64.b64encode(digest.digest()).decode("ascii")
    if paper.attachment.get("hash", right) != right:
        raise Malformed("a document is not the one that the bundle speaks of")


def _only(values: set[str]) -> str:
    """Return the one value, or an empty text where documents differ."""
    return values.pop() if len(values) == 1 else ""
