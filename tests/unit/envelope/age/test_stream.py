"""exchange.envelope.age.stream"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.envelope.age.stream import (
    chunk_nonce,
    payload_key,
    payload_size,
    plaintext_size,
)


def test_nonces_count_and_mark_the_last_chunk() -> None:
    assert chunk_nonce(0, last=False) == bytes(12)
    assert chunk_nonce(1, last=True).hex() == "000000000000000000000101"
    assert chunk_nonce(2**80, last=False).hex() == "0100" + "00" * 10


def test_the_payload_key_depends_on_file_key_and_nonce() -> None:
    keys = {payload_key(k, n) for k in (b"k" * 16, b"l" * 16) for n in (b"n" * 16, b"m" * 16)}
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("plaintext", "payload"),
    [
        (0, 32),
        (1, 33),
        (65_535, 65_567),
        (65_536, 65_568),
        (65_537, 65_585),
        (131_072, 131_120),
    ],
)
def test_sizes_follow_the_formula(plaintext: int, payload: int) -> None:
    assert payload_size(plaintext) == payload
    assert plaintext_size(payload) == plaintext


@pytest.mark.parametrize("payload", [-1, 0, 16, 31, 65_569, 65_568 + 15, 65_568 + 16])
def test_no_payload_has_such_a_size(payload: int) -> None:
    assert plaintext_size(payload) is None


@given(st.integers(min_value=0, max_value=2**40))
def test_both_formulas_are_inverse(size: int) -> None:
    assert plaintext_size(payload_size(size)) == size
    plaintext = plaintext_size(size)
    assert plaintext is None or payload_size(plaintext) == size
