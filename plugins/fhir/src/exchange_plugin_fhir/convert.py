"""The plugin's entry point: converts document packages into bundles, and registers the formats."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from exchange.errors import Malformed
from exchange.hookspecs import (
    EVERY_CHARACTER,
    FILES,
    Capabilities,
    Declaration,
    DocumentFile,
    DocumentPackage,
    IntakeFile,
    IntakeFormat,
    OutgoingFormat,
    Settings,
    hookimpl,
)
from exchange_plugin_fhir.bundle import Attached, build
from exchange_plugin_fhir.check import check, model
from exchange_plugin_fhir.configure import Configured, configured
from exchange_plugin_fhir.kinds import kind_of, kinds

BUNDLE = "bundle.json"
"""Name of the bundle; files beside it are called `attachment-001.pdf` and so on."""


class FhirBundle:
    """Writes one Bundle of DocumentReference, Binary, Consent and Provenance.

    Source: HL7 FHIR R4B (4.3.0; valid R4, 4.0.1, as well) or R5 (5.0.0), as the settings say.
    """

    def __init__(self, chosen: Configured) -> None:
        """Take the settings of the plugin."""
        self._chosen = chosen

    @property
    def capabilities(self) -> Capabilities:
        """Every file a person can open; names are kept inside the bundle, whatever they are."""
        return Capabilities(
            profiles=frozenset({FILES}),
            media_types=frozenset(kinds()),
            max_size=1 << 30,
            name_alphabet=EVERY_CHARACTER,
        )

    async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
        """Write the bundle, and beside it the files that are too large for it."""
        attached = list(_attached(package.files, target, inline=self._chosen.inline))
        bundle = build(package, attached, version=self._chosen.version)
        check(bundle, model(self._chosen.version))
        content = json.dumps(bundle, ensure_ascii=False, allow_nan=False)
        (target / BUNDLE).write_text(content, encoding="utf-8")
        return [IntakeFile(BUNDLE), *(IntakeFile(one.name) for one in attached if one.name)]


def _attached(files: Sequence[DocumentFile], target: Path, *, inline: int) -> Iterator[Attached]:
    """Yield the files: into the bundle as long as there is room, else copied beside it."""
    room = inline
    for number, file in enumerate(files, start=1):
        kind_of(file.media_type, file.name, file.path)
        if file.path.stat().st_size != file.size:
            raise Malformed("a file has another size than its contents list says")
        with file.path.open("rb") as content:
            sha1 = hashlib.file_digest(content, _sha1).digest()
        if 0 < file.size <= room:  # base64 of nothing is none in FHIR
            room -= file.size
            yield Attached(file, sha1, file.path.read_bytes())
        else:
            name = f"attachment-{number:03}{PurePath(file.name).suffix.lower()}"
            shutil.copyfile(file.path, target / name)
            yield Attached(file, sha1, None, name)


def _sha1() -> "hashlib._Hash":
    """FHIR wants SHA-1 of an attachment; it protects nothing here: SHA-256 stands beside it."""
    return hashlib.sha1(usedforsecurity=False)


@hookimpl
def declare_plugin() -> Declaration:
    """Say what this plugin is: it sees documents, and keeps nothing."""
    return Declaration(contract=1, licence="EUPL-1.2", sees_plaintext=True)


@hookimpl
def register_intake_formats(settings: Settings) -> Sequence[IntakeFormat]:
    """Register the intake format.

    Raises:
        Misconfigured: a setting is wrong.
    """
    return [FhirBundle(configured(settings))]


@hookimpl
def register_outgoing_formats(settings: Settings) -> Sequence[OutgoingFormat]:
    """Register the outgoing format.

    Raises:
        Misconfigured: a setting is wrong.
    """
    # Imported here: an intake worker reads no bundles.
    from exchange_plugin_fhir.export import FhirExport  # noqa: PLC0415 - said above

    return [FhirExport(configured(settings))]
