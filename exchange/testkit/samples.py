"""Sample values for tests of adapters, as the exchange would make them of given files."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from exchange.hookspecs import (
    FILES,
    ConsentTerms,
    DeliveredFile,
    DeliveredFolder,
    DisclosureAsked,
    DocumentFile,
    DocumentPackage,
    ExportedFile,
    Label,
    Proof,
)

DISCLOSURE = "6f6d4c36-3c1e-4d0c-9f0e-1d6d4b1f2a10"
"""Id of the sample disclosure."""


def package_of(
    folder: Path,
    files: Mapping[str, tuple[str, bytes]],
    *,
    profile: str = FILES,
    proofs: bool = False,
) -> DocumentPackage:
    """Write `files` into `folder` and return the package a gateway would make of them.

    Args:
        folder: existing folder.
        files: media type and content by name.
        profile: what the package promises.
        proofs: with proofs, as for a format whose capabilities ask for them; their content is
            made up.
    """
    return DocumentPackage(
        disclosure_id=DISCLOSURE,
        profile=profile,
        sender="jobcentre",
        sender_name="Jobcenter",
        purpose=_purpose(),
        category=_category(),
        secrecy=_secrecy(),
        sent_at=_moment(),
        collected_at=_moment(),
        files=tuple(
            DocumentFile(
                name=name,
                media_type=media_type,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                path=_written(folder / name, content),
            )
            for name, (media_type, content) in files.items()
        ),
        consent=_terms(),
        proofs=_proofs() if proofs else (),
    )


def delivered_of(
    folder: Path, files: Mapping[str, bytes], *, disclosure_id: str = DISCLOSURE
) -> DeliveredFolder:
    """Write `files` into `folder` and return them as intake would have made them.

    Args:
        folder: existing folder.
        files: content by name, in the order of import.
        disclosure_id: UUID in lower case.
    """
    return DeliveredFolder(
        disclosure_id=disclosure_id,
        folder=f"20260302T093000Z-{disclosure_id[:8]}",
        sender="jobcentre",
        sender_name="Jobcenter",
        purpose=_purpose(),
        category=_category(),
        secrecy=_secrecy(),
        collected_at=_moment(),
        files=tuple(
            DeliveredFile(
                name=name,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                path=_written(folder / name, content),
            )
            for name, content in files.items()
        ),
    )


def exported_of(folder: Path, files: Mapping[str, tuple[str, bytes]]) -> tuple[ExportedFile, ...]:
    """Write `files` into `folder` and return them as a back office would have exported them.

    Args:
        folder: existing folder.
        files: media type and content by name.
    """
    return tuple(
        ExportedFile(
            name=name,
            media_type=media_type,
            size=len(content),
            path=_written(folder / name, content),
        )
        for name, (media_type, content) in files.items()
    )


def asked_of(
    *,
    sender: str = "jobcentre",
    recipients: frozenset[str] = frozenset({"womens-advice"}),
    purpose: str = "housing",
    category: str = "rent-arrears",
    secrecy: str = "social",
) -> DisclosureAsked:
    """Return a disclosure that a gate is asked about, changed as given."""
    return DisclosureAsked(
        sender=sender, recipients=recipients, purpose=purpose, category=category, secrecy=secrecy
    )


def _written(place: Path, content: bytes) -> Path:
    place.write_bytes(content)
    return place


def _moment() -> datetime:
    return datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def _purpose() -> Label:
    return Label("housing", "Wohnungssicherung", "Keeping a home")


def _category() -> Label:
    return Label("rent-arrears", "Mietrückstand", "Rent arrears")


def _secrecy() -> Label:
    return Label("social", "Sozialgeheimnis", "social secrecy")


def _terms() -> ConsentTerms:
    return ConsentTerms(
        id="0b0c7f1e-58d0-4b9f-8d5e-2f2f1a6b7c11",
        agreement="3b1d1a52-6a0e-4f0b-9a51-6e6c0e7d8f12",
        subject_ref="9d5a4f10-1b2c-4d3e-8f4a-5b6c7d8e9f13",
        purpose=_purpose(),
        purpose_words="Damit Sie Ihre Wohnung behalten.",
        categories=(_category(),),
        releasers=("jobcentre",),
        recipients=("womens-advice",),
        form="written",
        collected_by="jobcentre",
        collected_at=datetime(2026, 2, 2, 8, 0, tzinfo=UTC),
        valid_from=datetime(2026, 2, 2, 8, 0, tzinfo=UTC),
        valid_until=datetime(2026, 8, 2, 8, 0, tzinfo=UTC),
        sha256=hashlib.sha256(b"consent").hexdigest(),
    )


def _proofs() -> tuple[Proof, ...]:
    return (
        Proof(kind="manifest", name="manifest.jws", content='{"payload":"bWFuaWZlc3Q"}'),
        Proof(kind="consent", name="consent.jws", content='{"payload":"Y29uc2VudA"}'),
        Proof(kind="stored", name="stored.tlog-proof", content="c2sp.org/tlog-proof@v1\n"),
        Proof(kind="collected", name="collected.tlog-proof", content="c2sp.org/tlog-proof@v1\n"),
    )
