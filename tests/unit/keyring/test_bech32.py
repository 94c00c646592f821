"""exchange.keyring.bech32"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import Malformed
from exchange.keyring import bech32

SEED = bytes.fromhex("03" * 32)
TEXT = "AGE-SECRET-KEY-PQ-1QVPSXQCRQVPSXQCRQVPSXQCRQVPSXQCRQVPSXQCRQVPSXQCRQVPSS0GF43"
PREFIX = "age-secret-key-pq-"


def test_a_known_string_spells_its_bytes() -> None:
    assert bech32.decode(TEXT, prefix=PREFIX) == SEED
    assert bech32.encode(PREFIX, SEED).upper() == TEXT


def test_the_shortest_string_of_the_specification_is_read() -> None:
    assert bech32.decode("A12UEL5L", prefix="a") == b""  # BIP 173, valid strings


@given(st.binary(max_size=1300))
def test_decoding_is_the_inverse_of_encoding(payload: bytes) -> None:
    text = bech32.encode("age1pq", payload)
    assert bech32.decode(text, prefix="age1pq") == payload
    assert bech32.decode(text.upper(), prefix="age1pq") == payload


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        (TEXT[:-1] + "2", PREFIX),
        (TEXT.capitalize(), PREFIX),
        (TEXT, "age-secret-key-"),
        (TEXT.replace("1", "2"), PREFIX),
        (TEXT[:-2] + "B3", PREFIX),
        ("A1G7SGD8", "a"),  # BIP 173: checksum computed over the upper case prefix
        ("A1LQFN3A", "a"),  # BIP 350: the shortest Bech32m string
        ("a12uel5", "a"),  # fewer than six characters after the separator
        ("", "a"),
        ("ä12uel5l", "ä"),
    ],
)
def test_another_spelling_is_refused(text: str, prefix: str) -> None:
    with pytest.raises(Malformed):
        bech32.decode(text, prefix=prefix)


@pytest.mark.parametrize("values", [[0] * 3 + [1] * 6, [31, 1], [0], [31, 31, 31]])
def test_wrong_padding_is_refused(values: list[int]) -> None:
    with pytest.raises(Malformed, match="padded"):
        bech32.decode(_spelled("a", values), prefix="a")


def _spelled(prefix: str, values: list[int]) -> str:
    checksum = bech32._polymod([*bech32._expand(prefix), *values, *[0] * 6]) ^ 1
    letters = [*values, *(checksum >> 5 * (5 - place) & 31 for place in range(6))]
    return f"{prefix}1" + "".join(bech32._ALPHABET[letter] for letter in letters)


@given(st.text(max_size=100))
def test_garbage_raises_nothing_else_and_is_not_quoted(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        bech32.decode(f"#{text}", prefix="age1pq")
    assert len(text) < 4 or text not in str(refused.value)
