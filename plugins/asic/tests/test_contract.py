"""Intake format and evidence verifier `asic` keep the contracts of their kinds."""

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exchange.agency.container import member, seal
from exchange.agency.xades import Signer
from exchange.canonical import Json
from exchange.testing import EvidenceVerifierContract, IntakeFormatContract
from tests import certificates

MEDIA_TYPE = "application/vnd.etsi.asic-e+zip"


@pytest.fixture(scope="module")
def authority() -> certificates.Seal:
    return certificates.authority()


class TestAsic(IntakeFormatContract):
    plugin = "asic"
    media_type = "application/pdf"
    file_name = "Bescheid.pdf"
    content = b"%PDF-1.7\n%%EOF\n"


class TestSignedForm(EvidenceVerifierContract):
    plugin = "asic"
    key = "asic"
    media_type = MEDIA_TYPE
    file_name = "form.asice"

    @pytest.fixture
    def settings(self, authority: certificates.Seal) -> Mapping[str, Json]:
        return {"trusted": authority.pem.decode()}

    @pytest.fixture
    def signed(self, authority: certificates.Seal, tmp_path: Path) -> bytes:
        own = certificates.seal(authority)
        signer = Signer(own.key, (own.certificate,))
        (tmp_path / "made").mkdir()
        form = tmp_path / "made" / "form.pdf"
        form.write_bytes(b"%PDF-1.7\n")
        seal([member(form)], form.with_suffix(".asice"), signer, now=datetime.now(UTC))
        return form.with_suffix(".asice").read_bytes()

    @pytest.fixture
    def unsigned(self) -> bytes:
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as packed:
            packed.writestr("mimetype", MEDIA_TYPE)
            packed.writestr("form.pdf", b"%PDF-1.7\n")
        return written.getvalue()

    @pytest.fixture
    def forged(self, signed: bytes) -> bytes:
        forged = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(signed)) as packed,
            zipfile.ZipFile(forged, "w") as changed,
        ):
            for name in packed.namelist():
                content = packed.read(name)
                changed.writestr(name, content + b"more" * (name == "form.pdf"))
        return forged.getvalue()
