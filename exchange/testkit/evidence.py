"""Contract tests for evidence verifiers."""

from pathlib import Path
from typing import ClassVar

import pytest

from exchange import registry
from exchange.errors import Malformed
from exchange.hookspecs import EvidenceFound, EvidenceVerifier, ExportedFile, Verdict
from exchange.testkit.plugin import AgencyContract, wait
from exchange.testkit.samples import exported_of
from exchange.testkit.watch import watched


class EvidenceVerifierContract(AgencyContract):
    """What every evidence verifier keeps. A subclass names the plugin and brings three fixtures.

    `signed`: evidence with a valid signature that the settings trust. `unsigned`: evidence of the
    same kind without a signature. `forged`: signed evidence that was changed afterwards. Each
    returns its bytes.
    """

    key: ClassVar[str]
    """Key of the verifier."""
    media_type: ClassVar[str]
    file_name: ClassVar[str] = "consent"
    """Name of the file with the evidence."""
    foreign: ClassVar[bytes] = b"\x00\xffforeign bytes\x00"
    """What is no evidence of this kind."""

    @pytest.fixture
    def adapter(self, loaded: registry.Loaded) -> EvidenceVerifier:
        """Return the verifier of this key."""
        return registry.evidence_verifiers(loaded)[self.key]

    def _evidence(self, folder: Path, content: bytes) -> ExportedFile:
        (file,) = exported_of(folder, {self.file_name: (self.media_type, content)})
        return file

    def _verify(self, adapter: EvidenceVerifier, folder: Path, content: bytes) -> EvidenceFound:
        return wait(adapter.verify(self._evidence(folder, content)))

    def test_the_media_type_is_declared(self, adapter: EvidenceVerifier) -> None:
        assert adapter.key == self.key
        assert self.media_type in adapter.media_types

    def test_a_valid_signature_is_seen(
        self, adapter: EvidenceVerifier, signed: bytes, tmp_path: Path
    ) -> None:
        found = self._verify(adapter, tmp_path, signed)
        assert found.verdict is Verdict.SIGNED
        assert found.signed_at is None or found.signed_at.tzinfo is not None
        assert self._verify(adapter, tmp_path, signed) == found, "the same evidence says the same"

    def test_a_missing_signature_is_said_and_not_refused(
        self, adapter: EvidenceVerifier, unsigned: bytes, tmp_path: Path
    ) -> None:
        found = self._verify(adapter, tmp_path, unsigned)
        assert found == EvidenceFound(verdict=Verdict.UNSIGNED)

    def test_forged_evidence_is_malformed(
        self, adapter: EvidenceVerifier, forged: bytes, tmp_path: Path
    ) -> None:
        with pytest.raises(Malformed):
            self._verify(adapter, tmp_path, forged)

    def test_foreign_bytes_are_malformed(self, adapter: EvidenceVerifier, tmp_path: Path) -> None:
        with pytest.raises(Malformed):
            self._verify(adapter, tmp_path, self.foreign)

    def test_nothing_is_written_sent_or_started(
        self, adapter: EvidenceVerifier, signed: bytes, tmp_path: Path
    ) -> None:
        evidence = self._evidence(tmp_path, signed)

        async def verify() -> list[str]:
            with watched(tmp_path / "nowhere") as breaches:
                await adapter.verify(evidence)
            return breaches

        assert wait(verify()) == []
        assert evidence.path.read_bytes() == signed
