"""Writes what arrived as one Bundle: documents, consent, and where it all comes from."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from exchange.hookspecs import ConsentTerms, DocumentFile, DocumentPackage
from exchange_plugin_fhir import systems
from exchange_plugin_fhir.configure import Version
from exchange_plugin_fhir.consent import consent
from exchange_plugin_fhir.systems import HL7, Node, coding, concept

_OTHERS = "Enthält Angaben über andere Personen; sie dürfen nicht genutzt werden."
_LETTER = "Hinweise zu diesen Unterlagen"


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of the package, and where its content stands."""

    file: DocumentFile
    sha1: bytes
    """Digest that FHIR wants of an attachment."""
    content: bytes | None
    """None: it lies beside the bundle."""
    name: str = ""
    """Name of the file beside the bundle."""


def build(package: DocumentPackage, attached: Sequence[Attached], *, version: Version) -> Node:
    """Return the bundle: a letter where there is something to read first, then each file.

    Args:
        package: what arrived.
        attached: its files, in the sender's order.
        version: release of FHIR.
    """
    writer = _Writer(package, version)
    letter = "\n\n".join(part for part in (package.notice, package.remark) if part)
    if letter:
        writer.add_letter(letter)
    for one in attached:
        writer.add_document(one)
    if package.consent is not None:
        writer.add_consent(package.consent)
    writer.add_provenance()
    return writer.bundle()


class _Writer:
    """Collects entries; every id is the same each time this disclosure is converted."""

    def __init__(self, package: DocumentPackage, version: Version) -> None:
        self._package = package
        self._version = version
        self._entries: list[Node] = []
        self._documents: list[str] = []
        self._consent = ""

    def bundle(self) -> Node:
        """Return the bundle of all entries."""
        address = f"urn:uuid:{self._package.disclosure_id}"
        return {
            "resourceType": "Bundle",
            "id": self._package.disclosure_id,
            "identifier": {"system": systems.URI, "value": address},
            "type": "collection",
            "timestamp": systems.instant(self._package.collected_at),
            "entry": self._entries,
        }

    def add_letter(self, text: str) -> None:
        """Add what is to be read first, as a document of its own: nothing shows it as markup."""
        content = text.encode("utf-8", "replace")
        attachment = self._attachment(
            "text/plain", content=content, size=len(content), sha1=_sha1(content)
        )
        about: Node = {"type": {"text": _LETTER}}
        self._add_reference(attachment | {"title": _LETTER}, about, others=False)

    def add_document(self, one: Attached) -> None:
        """Add a file."""
        attachment = self._attachment(
            one.file.media_type,
            content=one.content,
            size=one.file.size,
            sha1=one.sha1,
            beside=one.name,
        )
        about: Node = {
            "identifier": [{"system": systems.URI, "value": systems.digest_uri(one.file.sha256)}],
            "type": systems.label(systems.CATEGORY, self._package.category),
        }
        if systems.plain(self._package.reference):
            number = systems.plain(self._package.reference)
            about["identifier"].append({"system": systems.FILE_NUMBER, "value": number})
        title = {"title": systems.plain(one.file.name)}
        self._add_reference(attachment | title, about, others=one.file.third_party)

    def add_consent(self, terms: ConsentTerms) -> None:
        """Add the consent under which it came."""
        self._consent = self._add(consent(terms, self._documents, version=self._version))

    def add_provenance(self) -> None:
        """Add who disclosed the documents, when, what for, and on what."""
        package = self._package
        purpose = systems.label(systems.PURPOSE, package.purpose)
        role = coding(f"{HL7}provenance-participant-type", "transmitter", "Transmitter")
        resource: Node = {
            "resourceType": "Provenance",
            "target": [{"reference": address} for address in self._documents],
            "occurredDateTime": systems.instant(package.sent_at),
            "recorded": systems.instant(package.collected_at),
            "agent": [
                {
                    "type": concept(role),
                    "who": systems.agency(package.sender, package.sender_name),
                }
            ],
        }
        if self._version == "R5":
            resource["authorization"] = [{"concept": purpose}]
        else:
            resource["reason"] = [purpose]
        if self._consent:
            resource["entity"] = [{"role": "source", "what": {"reference": self._consent}}]
        self._add(resource)

    def _attachment(
        self,
        media_type: str,
        *,
        content: bytes | None,
        size: int,
        sha1: bytes,
        beside: str = "",
    ) -> Node:
        """Return the attachment; a content that stands in the bundle becomes an entry."""
        address = beside
        if content is not None:
            data = base64.b64encode(content).decode("ascii")
            address = self._add({"resourceType": "Binary", "contentType": media_type, "data": data})
        return {
            "contentType": media_type,
            "url": address,
            # In R5 the size has 64 bits, which its JSON writes as text.
            "size": str(size) if self._version == "R5" else size,
            "hash": base64.b64encode(sha1).decode("ascii"),
        }

    def _add_reference(self, attachment: Node, about: Node, *, others: bool) -> None:
        package = self._package
        labels = [
            systems.confidentiality(package.secrecy),
            systems.label(systems.SECRECY, package.secrecy),
        ]
        if others:
            labels.append({"text": _OTHERS})
        resource: Node = {
            "resourceType": "DocumentReference",
            "status": "current",
            **about,
            "date": systems.instant(package.sent_at),
            "author": [systems.agency(package.sender, package.sender_name)],
            "securityLabel": labels,
            "content": [{"attachment": attachment}],
        }
        if package.consent is not None:
            resource["subject"] = systems.person(package.consent.subject_ref)
        self._documents.append(self._add(resource))

    def _add(self, resource: Node) -> str:
        number = len(self._entries) + 1
        own = str(uuid5(UUID(self._package.disclosure_id), f"entry {number}"))
        address = f"urn:uuid:{own}"
        named = {"resourceType": resource["resourceType"], "id": own} | resource
        self._entries.append({"fullUrl": address, "resource": named})
        return address


def _sha1(content: bytes) -> bytes:
    return hashlib.sha1(content, usedforsecurity=False).digest()
