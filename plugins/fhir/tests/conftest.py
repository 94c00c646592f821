"""Bundles as a back office exports them, and the formats under test."""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from exchange_plugin_fhir.convert import register_intake_formats, register_outgoing_formats

from exchange.canonical import Json
from exchange.hookspecs import DocumentPackage, OutgoingPackage
from exchange.testing import exported_of, package_of

PDF = b"%PDF-1.7\n"


@dataclass
class Office:
    """Makes packages, converts them, and reads exports."""

    home: Path
    settings: dict[str, Json] = field(default_factory=dict)

    def package(self, **files: tuple[str, bytes]) -> DocumentPackage:
        source = self.home / "source"
        source.mkdir()
        return package_of(source, files)

    async def convert(self, package: DocumentPackage) -> list[str]:
        self.target.mkdir()
        (intake_format,) = register_intake_formats(self.settings)
        return [file.name for file in await intake_format.convert(package, self.target)]

    async def bundle(self, package: DocumentPackage) -> Any:
        await self.convert(package)
        return json.loads((self.target / "bundle.json").read_text(encoding="utf-8"))

    async def read(self, bundle: object, **beside: bytes) -> OutgoingPackage:
        content = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
        exported = self.home / "exported"
        exported.mkdir()
        self.sent.mkdir()
        (outgoing,) = register_outgoing_formats(self.settings)
        files = {"bundle.json": ("application/fhir+json", content)}
        files |= {name: ("application/octet-stream", content) for name, content in beside.items()}
        return await outgoing.read(exported_of(exported, files), self.sent)

    @property
    def target(self) -> Path:
        return self.home / "target"

    @property
    def sent(self) -> Path:
        return self.home / "sent"

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.sent.iterdir()}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def binary(content: bytes = PDF, **members: object) -> dict[str, object]:
    data = base64.b64encode(content).decode()
    return {"resourceType": "Binary", "contentType": "application/pdf", "data": data, **members}


def reference(url: str = "urn:uuid:1", **members: object) -> dict[str, object]:
    attachment = {"contentType": "application/pdf", "url": url, "title": "Brief.pdf"}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": attachment}],
        **members,
    }


def attached(**members: object) -> dict[str, object]:
    attachment = {"contentType": "application/pdf", "title": "Brief.pdf", **members}
    return reference(content=[{"attachment": attachment}])


def bundle_of(*resources: dict[str, object], kind: str = "collection") -> dict[str, Any]:
    """Return a bundle; the entries' addresses are `urn:uuid:1` and so on."""
    entries = [
        {"fullUrl": f"urn:uuid:{number}", "resource": resource}
        for number, resource in enumerate(resources, start=1)
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def plain() -> dict[str, Any]:
    return bundle_of(binary(), reference())
