"""exchange.testkit.evidence: each check fails for a verifier that breaks it."""

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import Malformed
from exchange.hookspecs import EvidenceFound, ExportedFile, Verdict
from exchange.testing import EvidenceVerifierContract
from tests.unit.testkit.failing import Brings, checks, failing, loaded

MOMENT = datetime(2026, 3, 2, tzinfo=UTC)


class Contract(EvidenceVerifierContract):
    __test__ = False
    plugin = key = "seal"
    media_type = "text/plain"


def look(content: bytes) -> EvidenceFound:
    if content == b"signed":
        return EvidenceFound(verdict=Verdict.SIGNED, signed_at=MOMENT)
    if content == b"unsigned":
        return EvidenceFound(verdict=Verdict.UNSIGNED)
    raise Malformed


class Behaviour:
    """A verifier that looks as a test tells it."""

    media_types = frozenset({"text/plain"})

    def __init__(self, act: Callable[[ExportedFile], EvidenceFound], key: str) -> None:
        self.act, self.key = act, key

    async def verify(self, evidence: ExportedFile) -> EvidenceFound:
        return self.act(evidence)


def bringing(
    see: Callable[[bytes], EvidenceFound] = look,
    *,
    key: str = "seal",
    declared: bool = True,
    act: Callable[[ExportedFile], object] = lambda _evidence: None,
) -> Brings:
    def seeing(evidence: ExportedFile) -> EvidenceFound:
        found = see(evidence.path.read_bytes())
        act(evidence)
        return found

    def brings(_home: Path) -> Mapping[str, Any]:
        return {
            "adapter": Behaviour(seeing, key),
            "signed": b"signed",
            "unsigned": b"unsigned",
            "forged": b"forged",
            "loaded": loaded("seal", sees_plaintext=declared),
        }

    return brings


def changing() -> Callable[[bytes], EvidenceFound]:
    seconds = itertools.count()

    def see(content: bytes) -> EvidenceFound:
        found = look(content)
        if found.signed_at is None:
            return found
        moment = MOMENT.replace(second=next(seconds))
        return EvidenceFound(verdict=found.verdict, signed_at=moment)

    return see


def blind(content: bytes) -> EvidenceFound:
    return EvidenceFound(verdict=Verdict.SIGNED if content == b"forged" else look(content).verdict)


def strict(content: bytes) -> EvidenceFound:
    found = look(content)
    if found.verdict is Verdict.UNSIGNED:
        raise Malformed
    return found


def credulous(content: bytes) -> EvidenceFound:
    if content in (b"signed", b"forged"):
        return look(content)
    return EvidenceFound(verdict=Verdict.UNSIGNED)


def naive(content: bytes) -> EvidenceFound:
    found = look(content)
    moment = datetime(2026, 3, 2) if found.signed_at else None  # noqa: DTZ001 - the breach
    return EvidenceFound(verdict=found.verdict, signed_at=moment)


VALID = "test_a_valid_signature_is_seen"
BREACHES: Mapping[str, tuple[str, Brings]] = {
    "key": ("test_the_media_type_is_declared", bringing(key="other")),
    "never": (VALID, bringing(lambda _content: EvidenceFound(verdict=Verdict.UNSIGNED))),
    "naive": (VALID, bringing(naive)),
    "changing": (VALID, bringing(changing())),
    "strict": ("test_a_missing_signature_is_said_and_not_refused", bringing(strict)),
    "blind": ("test_forged_evidence_is_malformed", bringing(blind)),
    "credulous": ("test_foreign_bytes_are_malformed", bringing(credulous)),
    "writes": (
        "test_nothing_is_written_sent_or_started",
        bringing(act=lambda evidence: evidence.path.with_name("beside").touch()),
    ),
    "silent": ("test_it_declares_what_it_sees", bringing(declared=False)),
}


def test_a_good_verifier_passes(tmp_path: Path) -> None:
    assert failing(Contract, bringing(), tmp_path) == set()


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_fails_its_check(breach: str, tmp_path: Path) -> None:
    check, brings = BREACHES[breach]
    assert check in failing(Contract, brings, tmp_path)


def test_every_check_is_failed_by_a_breach() -> None:
    assert {check for check, _ in BREACHES.values()} == checks(Contract)
