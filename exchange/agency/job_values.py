"""What is asked of each kind of adapter, and what each answers, as JSON and back.

The questions are the gateway's and are believed; the answers are read as hostile. Both sides use
this module; contents never stand in a line, they are files in the worker's room.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from exchange.agency.job import entries, only, text, texts
from exchange.canonical import Json
from exchange.errors import Malformed
from exchange.hookspecs import (
    ConsentTerms,
    DeliveredFile,
    DeliveredFolder,
    DocumentFile,
    DocumentPackage,
    EvidenceFound,
    ExportedFile,
    IntakeFile,
    Label,
    OutgoingFile,
    OutgoingPackage,
    Proof,
    Verdict,
)

_WORDS = 5000
"""Characters of one text in an answer: a remark is shorter."""
_FILE = 3
"""Members of a file that an outgoing format has written."""


def package_json(package: DocumentPackage) -> dict[str, Json]:
    """Return what an intake format is asked to convert."""
    return {
        "disclosure_id": package.disclosure_id,
        "profile": package.profile,
        "sender": package.sender,
        "sender_name": package.sender_name,
        "purpose": _label(package.purpose),
        "category": _label(package.category),
        "secrecy": _label(package.secrecy),
        "sent_at": package.sent_at.isoformat(),
        "collected_at": package.collected_at.isoformat(),
        "files": [
            [file.name, file.media_type, file.size, file.sha256, file.third_party]
            for file in package.files
        ],
        "remark": package.remark,
        "reference": package.reference,
        "notice": package.notice,
        "consent": None if package.consent is None else _terms(package.consent),
        "proofs": [[proof.kind, proof.name, proof.content] for proof in package.proofs],
    }


def _terms(terms: ConsentTerms) -> dict[str, Json]:
    return {
        "id": terms.id,
        "agreement": terms.agreement,
        "subject_ref": terms.subject_ref,
        "purpose": _label(terms.purpose),
        "purpose_words": terms.purpose_words,
        "categories": [_label(category) for category in terms.categories],
        "releasers": terms.releasers,
        "recipients": terms.recipients,
        "form": terms.form,
        "collected_by": terms.collected_by,
        "collected_at": terms.collected_at.isoformat(),
        "valid_from": terms.valid_from.isoformat(),
        "valid_until": terms.valid_until.isoformat(),
        "sha256": terms.sha256,
    }


def read_package(found: Mapping[str, Any], folder: Path) -> DocumentPackage:
    """Return a package as the gateway described it, its files in `folder`."""
    files = tuple(
        DocumentFile(
            name=name,
            media_type=media_type,
            size=size,
            sha256=sha256,
            path=folder / name,
            third_party=third_party,
        )
        for name, media_type, size, sha256, third_party in found["files"]
    )
    stated = {
        **found,
        **_labels(found, "purpose", "category", "secrecy"),
        **_moments(found, "sent_at", "collected_at"),
        "files": files,
        "consent": None if found["consent"] is None else _read_terms(found["consent"]),
        "proofs": tuple(
            Proof(kind=kind, name=name, content=content) for kind, name, content in found["proofs"]
        ),
    }
    return DocumentPackage(**stated)


def _read_terms(found: Mapping[str, Any]) -> ConsentTerms:
    stated = {
        **found,
        **_labels(found, "purpose"),
        **_moments(found, "collected_at", "valid_from", "valid_until"),
        "categories": tuple(Label(*label) for label in found["categories"]),
        "releasers": tuple(found["releasers"]),
        "recipients": tuple(found["recipients"]),
    }
    return ConsentTerms(**stated)


def delivered_json(delivered: DeliveredFolder) -> dict[str, Json]:
    """Return what a delivery is asked to hand over."""
    return {
        "disclosure_id": delivered.disclosure_id,
        "folder": delivered.folder,
        "sender": delivered.sender,
        "sender_name": delivered.sender_name,
        "purpose": _label(delivered.purpose),
        "category": _label(delivered.category),
        "secrecy": _label(delivered.secrecy),
        "collected_at": delivered.collected_at.isoformat(),
        "files": [[file.name, file.size, file.sha256] for file in delivered.files],
    }


def read_delivered(found: Mapping[str, Any], folder: Path) -> DeliveredFolder:
    """Return what is to be delivered as the gateway described it, its files in `folder`."""
    stated = {
        **found,
        **_labels(found, "purpose", "category", "secrecy"),
        **_moments(found, "collected_at"),
        "files": tuple(
            DeliveredFile(name=name, size=size, sha256=sha256, path=folder / name)
            for name, size, sha256 in found["files"]
        ),
    }
    return DeliveredFolder(**stated)


def exported_json(*exported: ExportedFile) -> dict[str, Json]:
    """Return what an outgoing format or an evidence verifier is asked to read."""
    return {"files": [[file.name, file.media_type, file.size] for file in exported]}


def read_exported(found: Mapping[str, Any], folder: Path) -> tuple[ExportedFile, ...]:
    """Return exported files as the gateway described them, in `folder`."""
    return tuple(
        ExportedFile(name=name, media_type=media_type, size=size, path=folder / name)
        for name, media_type, size in found["files"]
    )


def converted_json(result: object) -> dict[str, Json]:
    """Return what an intake format has returned.

    Raises:
        Malformed: it is no list of files.
    """
    files = result if isinstance(result, list | tuple) else ()
    names = [file.name for file in files if isinstance(file, IntakeFile)]
    if not names or len(names) != len(files):
        raise Malformed("the format returned something else")
    return {"names": [_said(name) for name in names]}


def read_converted(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names a worker says that it wrote, in the order of import."""
    return texts(only(result, {"names"})["names"])


def export_json(result: object) -> dict[str, Json]:
    """Return what an outgoing format has returned.

    Raises:
        Malformed: it is no package of files.
    """
    if not isinstance(result, OutgoingPackage) or not isinstance(result.files, list | tuple):
        raise Malformed("the format returned something else")
    if not all(isinstance(file, OutgoingFile) for file in result.files):
        raise Malformed("the format returned something else")
    return {
        "files": [
            [_said(file.name), _said(file.media_type), bool(file.third_party)]
            for file in result.files
        ],
        "profile": _said(result.profile),
        "category": _said(result.category),
        "reference": _said(result.reference),
        "remark": _said(result.remark),
    }


def read_export(result: Mapping[str, Any]) -> OutgoingPackage:
    """Return what a worker says that it has read from an export.

    Raises:
        Malformed: it cannot be understood.
    """
    found = only(result, {"files", "profile", "category", "reference", "remark"})
    return OutgoingPackage(
        files=tuple(_read_file(file) for file in entries(found["files"])),
        profile=_short(found["profile"]),
        category=_short(found["category"]),
        reference=_short(found["reference"]),
        remark=_short(found["remark"]),
    )


def _read_file(found: object) -> OutgoingFile:
    file = entries(found)
    if len(file) != _FILE or type(file[2]) is not bool:
        raise Malformed("the worker's file is not understandable")
    return OutgoingFile(name=_short(file[0]), media_type=_short(file[1]), third_party=file[2])


def evidence_json(result: object) -> dict[str, Json]:
    """Return what an evidence verifier has returned.

    Raises:
        Malformed: it is no finding, or of a moment without a time zone.
    """
    if not isinstance(result, EvidenceFound) or not isinstance(result.verdict, Verdict):
        raise Malformed("the verifier returned something else")
    signed_at = result.signed_at
    if signed_at is None:
        return {"verdict": result.verdict, "signed_at": None}
    if signed_at.tzinfo is None:
        raise Malformed("the verifier returned something else")
    return {"verdict": result.verdict, "signed_at": signed_at.isoformat()}


def read_evidence(result: Mapping[str, Any]) -> EvidenceFound:
    """Return what a worker says that evidence shows.

    Raises:
        Malformed: it cannot be understood.
    """
    found = only(result, {"verdict", "signed_at"})
    signed_at = None
    try:
        verdict = Verdict(text(found["verdict"]))
        if found["signed_at"] is not None:
            signed_at = datetime.fromisoformat(text(found["signed_at"]))
    except ValueError:
        raise Malformed("the worker's finding is not understandable") from None
    if signed_at is not None and signed_at.tzinfo is None:
        raise Malformed("the worker's finding is not understandable")
    return EvidenceFound(verdict=verdict, signed_at=signed_at)


def delivery_json(result: object) -> dict[str, Json]:
    """Return what a delivery has returned: nothing.

    Raises:
        Malformed: it returned something.
    """
    if result is not None:
        raise Malformed("the delivery returned something else")
    return {}


def _said(value: object) -> str:
    """Return a text of foreign code as a text and nothing that only pretends to be one."""
    if type(value) is not str:
        raise Malformed("the adapter returned something else")
    return value


def _short(value: object) -> str:
    if len(found := text(value)) > _WORDS:
        raise Malformed("the worker's answer is too long")
    return found


def _label(label: Label) -> list[str]:
    return [label.code, label.de, label.en]


def _labels(found: Mapping[str, Any], *names: str) -> dict[str, Label]:
    return {name: Label(*found[name]) for name in names}


def _moments(found: Mapping[str, Any], *names: str) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(found[name]) for name in names}
