"""exchange.keyring.recipient"""

import hashlib

import pytest

from exchange.errors import Malformed
from exchange.keyring import bech32
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.recipient import DocumentRecipient

RAW = DocumentKey(b"\x03" * 32).recipient.raw


def test_the_own_vector_of_a_document_key_holds() -> None:
    recipient = DocumentRecipient(RAW)
    assert (
        hashlib.sha256(recipient.raw).hexdigest()
        == "5b8e64e6709228bd7e4ed2942858a210fa08a85e83ee31c65ef17e119f77755c"
    )
    assert recipient.fingerprint == "pIwnA-9ZPvvSgtTcC-Xe1Oeg1dOZ2azC-V5NQ2cO9LA"
    assert recipient.text.startswith("age1pq1")
    assert len(recipient.text) == 1959


def test_a_string_is_parsed_to_an_equal_key() -> None:
    recipient = DocumentRecipient(RAW)
    again = DocumentRecipient.parse(recipient.text)
    assert again == recipient
    assert hash(again) == hash(recipient)
    assert again != RAW
    assert again != DocumentKey(b"\x04" * 32).recipient


def test_the_representation_shows_the_fingerprint_only() -> None:
    recipient = DocumentRecipient(RAW)
    assert repr(recipient) == f"DocumentRecipient({recipient.fingerprint})"


def test_upper_case_is_refused() -> None:
    with pytest.raises(Malformed):
        DocumentRecipient.parse(DocumentRecipient(RAW).text.upper())


def test_a_key_of_another_size_is_refused() -> None:
    with pytest.raises(Malformed, match="size"):
        DocumentRecipient(RAW + b"\0")
    with pytest.raises(Malformed, match="size"):
        DocumentRecipient.parse(bech32.encode("age1pq", RAW[:-1]))


def test_a_share_of_low_order_is_refused() -> None:
    with pytest.raises(Malformed, match="usable"):
        DocumentRecipient(RAW[:1184] + bytes(32))


def test_a_key_that_is_not_reduced_is_refused() -> None:
    with pytest.raises(Malformed, match="usable"):
        DocumentRecipient(b"\xff" * 1184 + RAW[1184:])


def test_the_same_file_key_is_wrapped_differently_each_time() -> None:
    recipient = DocumentRecipient(RAW)
    first, second = recipient.encapsulate(b"k" * 16), recipient.encapsulate(b"k" * 16)
    assert first != second
    assert [len(part) for part in first] == [1120, 32]
