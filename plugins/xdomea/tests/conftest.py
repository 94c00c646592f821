"""Messages as a back office exports them, and the formats under test."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from exchange_plugin_xdomea.convert import register_intake_formats, register_outgoing_formats

from exchange.canonical import Json
from exchange.hookspecs import DocumentPackage, ExportedFile, IntakeFormat, OutgoingPackage
from exchange.testing import package_of

SCHEMAS = Path(__file__).parent / "schemas"
ENDINGS = {".zip": "application/zip", ".xml": "application/xml", ".pdf": "application/pdf"}


@dataclass
class Office:
    """Makes packages, converts them, and reads exports."""

    home: Path
    settings: dict[str, Json] = field(default_factory=dict)
    schemas: Path = SCHEMAS

    def package(self, **files: tuple[str, bytes]) -> DocumentPackage:
        source = self.home / "source"
        source.mkdir()
        return package_of(source, files)

    def intake(self) -> IntakeFormat:
        settings = {**self.settings, "reads": {"schemas": str(self.schemas)}}
        (intake_format,) = register_intake_formats(settings)
        return intake_format

    async def convert(self, package: DocumentPackage) -> zipfile.ZipFile:
        target = self.home / "target"
        target.mkdir()
        (written,) = await self.intake().convert(package, target)
        return zipfile.ZipFile(io.BytesIO((target / written.name).read_bytes()))

    async def read(self, **files: bytes) -> OutgoingPackage:
        exported = self.home / "exported"
        exported.mkdir()
        self.sent.mkdir()
        (outgoing,) = register_outgoing_formats(self.settings)
        return await outgoing.read(
            [_exported(exported, *file) for file in files.items()], self.sent
        )

    @property
    def sent(self) -> Path:
        return self.home / "sent"

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.sent.iterdir()}


def _exported(folder: Path, name: str, content: bytes) -> ExportedFile:
    (folder / name).write_bytes(content)
    media_type = ENDINGS.get(Path(name).suffix, "application/octet-stream")
    return ExportedFile(name=name, media_type=media_type, size=len(content), path=folder / name)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


class Message:
    """Writes messages with the elements that real exports have."""

    name = "9fde4e7a-b41b-11ec-9225-005056871b7c_Abgabe.Abgabe.0401.xml"
    file = "f4bcaaf7-d7cb-11ef-a278-005056871b7c.pdf"

    def version(
        self, file: str = file, number: str = "1", original: str = "", more: str = ""
    ) -> str:
        called = f"<x:DateinameOriginal>{original}</x:DateinameOriginal>" if original else ""
        return (
            f"<x:Version><x:Nummer>{number}</x:Nummer><x:Format><x:Name><code>018</code></x:Name>"
            f"<x:Version/><x:Primaerdokument><x:Dateiname>{file}</x:Dateiname>{called}{more}"
            "</x:Primaerdokument></x:Format></x:Version>"
        )

    def document(self, *versions: str, kind: str = "") -> str:
        typed = f"<x:Typ>{kind}</x:Typ>" if kind else ""
        return f"<x:Dokument>{typed}{''.join(versions)}</x:Dokument>"

    def matter(self, *documents: str, number: str = "17/2026") -> str:
        return (
            f"<x:Vorgang><x:AllgemeineMetadaten><x:Kennzeichen>{number}</x:Kennzeichen>"
            f"</x:AllgemeineMetadaten>{''.join(documents)}</x:Vorgang>"
        )

    def message(
        self, *objects: str, root: str = "Abgabe.Abgabe.0401", version: str = "3.0.0"
    ) -> bytes:
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<x:{root} xmlns:x="urn:xoev-de:xdomea:schema:{version}"><x:Schriftgutobjekt>'
            f"{''.join(objects)}</x:Schriftgutobjekt></x:{root}>"
        ).encode()

    def plain(self) -> bytes:
        return self.message(self.matter(self.document(self.version())))

    def archive(self, members: Mapping[str, bytes]) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return packed.getvalue()


@pytest.fixture
def back_office() -> Message:
    return Message()
