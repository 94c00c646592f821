"""exchange.keyring.decryption"""

import hashlib

import pytest

from exchange.errors import HeaderMalformed, Malformed
from exchange.keyring import bech32
from exchange.keyring.decryption import DocumentKey

TEXT = "AGE-SECRET-KEY-PQ-1QVPSXQCRQVPSXQCRQVPSXQCRQVPSXQCRQVPSXQCRQVPSXQCRQVPSS0GF43"


def test_the_own_vector_of_a_secret_key_holds() -> None:
    key = DocumentKey(b"\x03" * 32)
    assert key.secret_text() == TEXT
    assert DocumentKey.parse(TEXT).recipient == key.recipient
    assert key.fingerprint == "pIwnA-9ZPvvSgtTcC-Xe1Oeg1dOZ2azC-V5NQ2cO9LA"


def test_a_key_opens_what_was_sealed_to_it_and_nothing_else() -> None:
    key, other = DocumentKey.generate(), DocumentKey.generate()
    enc, body = key.recipient.encapsulate(b"0123456789abcdef")
    assert key.open(enc, body) == b"0123456789abcdef"
    assert other.open(enc, body) is None
    assert key.open(enc, body[:-1] + bytes([body[-1] ^ 1])) is None


def test_a_share_of_low_order_is_malformed_and_not_somebody_elses() -> None:
    key = DocumentKey(b"\x03" * 32)
    enc, body = key.recipient.encapsulate(b"0123456789abcdef")
    with pytest.raises(HeaderMalformed):
        key.open(enc[:-32] + bytes(32), body)


def test_the_secret_is_in_no_representation() -> None:
    key = DocumentKey(b"\x03" * 32)
    assert repr(key) == f"DocumentKey({key.fingerprint})"
    assert TEXT not in str(vars(key).values()).upper()


@pytest.mark.parametrize("seed", [b"", b"\x03" * 31, b"\x03" * 33])
def test_a_seed_of_another_size_is_refused(seed: bytes) -> None:
    with pytest.raises(Malformed):
        DocumentKey(seed)


@pytest.mark.parametrize(
    "text", [TEXT.lower(), TEXT[:-1] + "4", bech32.encode("age-secret-key-pq-", b"short").upper()]
)
def test_another_spelling_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        DocumentKey.parse(text)
    assert text not in str(refused.value)


def test_two_generated_keys_differ() -> None:
    first, second = DocumentKey.generate(), DocumentKey.generate()
    assert hashlib.sha256(first.recipient.raw) != hashlib.sha256(second.recipient.raw)
    assert first.recipient != second.recipient
