"""exchange.audit.spelling: one spelling of numbers and bytes, every other one refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit.spelling import LARGEST_NUMBER, read_base64, read_number, write_base64
from exchange.errors import Malformed


@given(st.integers(0, LARGEST_NUMBER))
def test_a_number_is_read_as_it_is_written(number: int) -> None:
    assert read_number(str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01000",
        "+1",
        "-1",
        " 1",
        "1 ",
        "1\n",
        "1_000",
        "0x1",
        "1.0",
        "\u0661",
        "\u00b2",
        "00",
        str(LARGEST_NUMBER + 1),
        "1" * 20,
        "1" * 5000,
    ],
)
def test_no_other_spelling_is_a_number(text: str) -> None:
    with pytest.raises(Malformed):
        read_number(text)


def test_the_largest_number_is_that_of_a_signed_64_bit_integer() -> None:
    assert read_number("9223372036854775807") == 2**63 - 1


@given(st.binary(max_size=70))
def test_bytes_are_read_as_they_are_written(raw: bytes) -> None:
    assert read_base64(write_base64(raw), size=len(raw)) == raw
    assert read_base64(write_base64(raw)) == raw


@pytest.mark.parametrize(
    "text",
    [
        "AA",
        "AA=",
        "AA==\n",
        " AA==",
        "A A=",
        "AA==AA==",
        "QUI_",
        "QUI-",
        "QUI=QUI=",
        "=",
        "\u00c4A==",
        "AB==",
        "AAB=",
    ],  # bits behind the last byte
)
def test_no_other_spelling_is_base64(text: str) -> None:
    with pytest.raises(Malformed):
        read_base64(text)


def test_base64_of_another_size_is_refused() -> None:
    with pytest.raises(Malformed, match="expected 32 bytes"):
        read_base64(write_base64(bytes(31)), size=32)
