"""Lays out what becomes one signed container, and registers both ways of this plugin."""

import itertools
import json
import shutil
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from exchange.errors import Malformed
from exchange.hookspecs import (
    CONTRACT,
    EVERY_CHARACTER,
    FILES,
    Capabilities,
    Declaration,
    DocumentFile,
    DocumentPackage,
    EvidenceVerifier,
    IntakeFile,
    IntakeFormat,
    Label,
    Settings,
    hookimpl,
)
from exchange_plugin_asic import configure, kinds

CONTEXT: Final = "document.json"
"""Name of the file that says who, what for, how secret."""


class Container:
    """Reads ``files/1``. Source: ETSI EN 319 162-1 (ASiC); the gateway packs and signs."""

    @property
    def capabilities(self) -> Capabilities:
        """Kinds of files people open; with the proofs, sealed by the gateway into ASiC-E."""
        return Capabilities(
            profiles=frozenset({FILES}),
            media_types=frozenset(kinds.KINDS),
            max_size=1 << 30,
            name_alphabet=EVERY_CHARACTER,
            proofs=True,
            container="asic-e",
        )

    async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
        """Write the members: the documents unchanged, what was said of them, and what proves it."""
        for file in package.files:
            kinds.check(file)
        files = _named(package.files)
        for name, file in files:
            shutil.copyfile(file.path, target / name)
            if (target / name).stat().st_size != file.size:
                raise Malformed("a file has another size than its contents list says")
        (target / CONTEXT).write_text(_context(package, files), encoding="utf-8")
        for proof in package.proofs:
            (target / proof.name).write_bytes(proof.content.encode())
        names = [*(name for name, _ in files), CONTEXT, *(proof.name for proof in package.proofs)]
        return [IntakeFile(name) for name in names]


def _named(files: Sequence[DocumentFile]) -> list[tuple[str, DocumentFile]]:
    """Return each file with its name in the container: its own, unless the context needs that one.

    Proofs need none: no kind of document has their endings.
    """
    taken = {CONTEXT} | {file.name.casefold() for file in files}
    named = []
    for file in files:
        name = _free(file.name, taken) if file.name.casefold() == CONTEXT else file.name
        taken.add(name.casefold())
        named.append((name, file))
    return named


def _free(name: str, taken: Set[str]) -> str:
    """Return `name` with the first number from 2 on that makes it free."""
    stem, ending = Path(name).stem, Path(name).suffix
    numbered = (f"{stem} ({number}){ending}" for number in itertools.count(2))
    return next(name for name in numbered if name.casefold() not in taken)


def _context(package: DocumentPackage, files: Sequence[tuple[str, DocumentFile]]) -> str:
    consent = package.consent
    context = {
        "id": package.disclosure_id,
        "sender": {"agency": package.sender, "name": package.sender_name},
        "purpose": _label(package.purpose),
        "category": _label(package.category),
        "secrecy": _label(package.secrecy),
        "sent_at": _utc(package.sent_at),
        "collected_at": _utc(package.collected_at),
        "reference": package.reference,
        "remark": package.remark,
        "notice": package.notice,
        "consent": None
        if consent is None
        else {
            "id": consent.id,
            "sha256": consent.sha256,
            "valid_until": _utc(consent.valid_until),
        },
        "files": [
            {
                "name": name,
                "type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
                "third_party": file.third_party,
            }
            for name, file in files
        ],
    }
    return json.dumps(context, ensure_ascii=False, indent=2) + "\n"


def _label(label: Label) -> Mapping[str, str]:
    return {"code": label.code, "de": label.de, "en": label.en}


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@hookimpl
def declare_plugin() -> Declaration:
    """Declare that documents and signed forms are read, and nothing is kept or sent."""
    return Declaration(contract=CONTRACT, licence="EUPL-1.2", sees_plaintext=True)


@hookimpl
def register_intake_formats(settings: Settings) -> Sequence[IntakeFormat]:
    """Register the one format of this plugin.

    Raises:
        Misconfigured: an unknown setting is given.
    """
    configure.check_names(settings)
    return [Container()]


@hookimpl
def register_evidence_verifiers(settings: Settings) -> Sequence[EvidenceVerifier]:
    """Register the one verifier of this plugin.

    Raises:
        Misconfigured: `trusted` is missing or holds no certificates; an unknown setting is given.
    """
    # Imported here: intake workers start without XML and X.509, which take half a second to load.
    from exchange_plugin_asic.evidence import SignedContainer  # noqa: PLC0415 - said above

    return [SignedContainer(configure.trusted(settings))]
