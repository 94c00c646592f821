"""Lays out the members of a container: the documents, what was said of them, what proves it."""

import itertools
import json
import shutil
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from exchange.errors import Malformed
from exchange.hookspecs import DocumentFile, DocumentPackage, Label

CONTEXT: Final = "document.json"
"""Name of the file that says who, what for, how secret."""


def lay_out(package: DocumentPackage, target: Path) -> list[str]:
    """Write every member into `target` and return their names in the order of the container.

    Raises:
        Malformed: a file has another size than its contents list says.
    """
    files = _named(package.files)
    for name, file in files:
        shutil.copyfile(file.path, target / name)
        if (target / name).stat().st_size != file.size:
            raise Malformed("a file has another size than its contents list says")
    (target / CONTEXT).write_text(_context(package, files), encoding="utf-8")
    for proof in package.proofs:
        (target / proof.name).write_bytes(proof.content.encode())
    return [*(name for name, _ in files), CONTEXT, *(proof.name for proof in package.proofs)]


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
