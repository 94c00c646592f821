"""exchange.keyring.selftest: without hybrid cryptography nothing starts."""

import sys

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem

from exchange.errors import Misconfigured
from exchange.keyring import selftest

ADVICE = "install the published wheel of cryptography >= 50"


def refusal() -> str:
    """Return what the self-test says when it refuses."""
    with pytest.raises(Misconfigured) as refused:
        selftest.check()
    return str(refused.value)


def test_the_self_test_passes_here() -> None:
    selftest.check()


@pytest.mark.parametrize(
    ("module", "name", "what"),
    [
        (mlkem, "MLKEM768PrivateKey", "encryption"),
        (mldsa, "MLDSA65PrivateKey", "signatures"),
        (ed25519, "Ed25519PrivateKey", "signatures"),
        (hpke, "MLKEM768X25519PrivateKey", "encryption"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_hidden_algorithm_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, what: str
) -> None:
    monkeypatch.delattr(module, name)
    assert refusal() == f"the self-test of {what} failed: {ADVICE}"


@pytest.mark.parametrize("module", ["mlkem", "mldsa"])
def test_a_missing_module_stops_the_start(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, f"cryptography.hazmat.primitives.asymmetric.{module}", None)
    assert ADVICE in refusal()


def test_a_wrong_answer_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "SAMPLE_SEED", bytes(32))
    assert "encryption" in refusal()


def test_another_size_of_encapsulation_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "ENC_SIZE", 1119)
    assert "encryption" in refusal()


def test_damage_that_is_not_noticed_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    # The flipped bit is put back, as if the library had not looked.
    monkeypatch.setattr(selftest, "_flipped", lambda data: data)
    assert "encryption" in refusal()
    monkeypatch.setattr(selftest, "_seals", lambda: True)
    assert "signatures" in refusal()
