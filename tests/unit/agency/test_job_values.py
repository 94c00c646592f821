"""exchange.agency.job_values: what is asked comes back whole, what is answered is hostile."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exchange import canonical
from exchange.agency import job_values
from exchange.errors import Malformed
from exchange.hookspecs import (
    ConsentTerms,
    DeliveredFile,
    DeliveredFolder,
    EvidenceFound,
    ExportedFile,
    IntakeFile,
    Label,
    OutgoingFile,
    OutgoingPackage,
    Proof,
    Verdict,
)
from exchange.testing import package_of

MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TERMS = ConsentTerms(
    id="5d0c4c1e-6d2f-4c57-9a35-0f6a5d4e3b2a",
    agreement="3b9a6f0e-51d1-4a1c-8a52-0d3f1a2b3c4d",
    subject_ref="0f9e8d7c-1111-4222-8333-444455556666",
    purpose=Label("housing", "Wohnen", "Housing"),
    purpose_words="Hilfe, damit Sie Ihre Wohnung behalten.",
    categories=(Label("a", "A", "A"), Label("b", "B", "B")),
    releasers=("jobcentre-a",),
    recipients=("women-b",),
    form="written",
    collected_by="women-b",
    collected_at=MOMENT,
    valid_from=MOMENT,
    valid_until=MOMENT,
    sha256="0" * 64,
)


def said(value: dict[str, Any]) -> dict[str, Any]:
    """Return what arrives at the other end of a line."""
    found: dict[str, Any] = canonical.loads(canonical.encode(value), limit=1 << 20)
    return found


def test_a_package_comes_back_whole_with_files_in_the_room(tmp_path: Path) -> None:
    package = package_of(tmp_path, {"a.txt": ("text/plain", b"a"), "b.txt": ("text/plain", b"b")})
    first, second = package.files
    package = replace(
        package,
        files=(first, replace(second, third_party=True)),
        notice="Hinweis\n\n1. …\n",
        consent=TERMS,
        proofs=(Proof(kind="manifest", name="manifest.jws", content="e30"),),
    )
    assert job_values.read_package(said(job_values.package_json(package)), tmp_path) == package
    bare = replace(package, consent=None, proofs=())
    assert job_values.read_package(said(job_values.package_json(bare)), tmp_path) == bare


def test_what_is_delivered_comes_back_whole(tmp_path: Path) -> None:
    delivered = DeliveredFolder(
        disclosure_id="3b9a6f0e-51d1-4a1c-8a52-0d3f1a2b3c4d",
        folder="2026-03-02_093000_3b9a6f0e",
        sender="women-b",
        sender_name="Frauenberatung",
        purpose=TERMS.purpose,
        category=TERMS.categories[0],
        secrecy=TERMS.categories[1],
        collected_at=MOMENT,
        files=(DeliveredFile(name="a", size=1, sha256="0" * 64, path=tmp_path / "a"),),
    )
    found = job_values.read_delivered(said(job_values.delivered_json(delivered)), tmp_path)
    assert found == delivered


def test_what_is_exported_comes_back_whole(tmp_path: Path) -> None:
    exported = ExportedFile(name="a", media_type="text/xml", size=1, path=tmp_path / "a")
    found = job_values.read_exported(said(job_values.exported_json(exported)), tmp_path)
    assert found == (exported,)


def test_names_of_converted_files_come_back_in_their_order() -> None:
    result = job_values.converted_json([IntakeFile("b"), IntakeFile("a")])
    assert job_values.read_converted(said(result)) == ("b", "a")


class Text(str):
    """Pretends to be a text."""

    __slots__ = ()


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        ["a"],
        [IntakeFile("a"), "b"],
        [IntakeFile(5)],  # type: ignore[arg-type]
        [IntakeFile(Text("a"))],
    ],
)
def test_what_is_no_list_of_files_is_not_said(result: object) -> None:
    with pytest.raises(Malformed):
        job_values.converted_json(result)


EXPORT = OutgoingPackage(
    files=(OutgoingFile(name="a.pdf", media_type="application/pdf", third_party=True),),
    profile="xdomea/3",
    category="letter",
    reference="7",
    remark="Bitte lesen.",
)


def test_an_export_comes_back_whole() -> None:
    assert job_values.read_export(said(job_values.export_json(EXPORT))) == EXPORT


@pytest.mark.parametrize(
    "result",
    [
        None,
        replace(EXPORT, files=5),  # type: ignore[arg-type]
        replace(EXPORT, files=("a",)),  # type: ignore[arg-type]
        replace(EXPORT, files=(OutgoingFile(name=5, media_type="a/b"),)),  # type: ignore[arg-type]
        replace(EXPORT, remark=Text("x")),
        replace(EXPORT, profile=None),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_export_is_not_said(result: object) -> None:
    with pytest.raises(Malformed):
        job_values.export_json(result)


@pytest.mark.parametrize(
    "change",
    [
        {"files": 5},
        {"files": [["a", "a/b"]]},
        {"files": [["a", "a/b", 1]]},
        {"files": [[5, "a/b", True]]},
        {"files": ["abc"]},
        {"remark": "x" * 5001},
        {"remark": None},
        {"profile": 5},
        {"more": 1},
    ],
)
def test_a_hostile_export_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        job_values.read_export(said(job_values.export_json(EXPORT)) | change)


@pytest.mark.parametrize("signed_at", [None, MOMENT])
def test_what_evidence_shows_comes_back_whole(signed_at: datetime | None) -> None:
    found = EvidenceFound(verdict=Verdict.SIGNED, signed_at=signed_at)
    assert job_values.read_evidence(said(job_values.evidence_json(found))) == found


@pytest.mark.parametrize(
    "result",
    [
        None,
        EvidenceFound(verdict="signed"),  # type: ignore[arg-type]
        EvidenceFound(verdict=Verdict.SIGNED, signed_at=MOMENT.replace(tzinfo=None)),
    ],
)
def test_what_is_no_finding_is_not_said(result: object) -> None:
    with pytest.raises(Malformed):
        job_values.evidence_json(result)


@pytest.mark.parametrize(
    "found",
    [
        {"verdict": "forged", "signed_at": None},
        {"verdict": 5, "signed_at": None},
        {"verdict": "signed", "signed_at": "yesterday"},
        {"verdict": "signed", "signed_at": "2026-03-02T09:30:00"},
        {"verdict": "signed", "signed_at": 5},
        {"verdict": "signed"},
    ],
)
def test_a_hostile_finding_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        job_values.read_evidence(found)


def test_a_delivery_returns_nothing() -> None:
    assert job_values.delivery_json(None) == {}
    with pytest.raises(Malformed):
        job_values.delivery_json("done")
