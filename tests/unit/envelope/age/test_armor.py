"""exchange.envelope.age.armor"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.envelope.age.armor import armor, dearmor, is_armored
from exchange.errors import ArmorMalformed

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----\n"
END = b"-----END AGE ENCRYPTED FILE-----\n"


def test_armor_has_this_form() -> None:
    assert armor(b"age" * 20) == (
        BEGIN + b"YWdlYWdlYWdlYWdlYWdlYWdlYWdlYWdlYWdlYWdlYWdlYWdlYWdlYWdlYWdlYWdl\n"
        b"YWdlYWdlYWdlYWdl\n" + END
    )


@given(st.binary(max_size=300))
def test_taking_off_is_the_inverse_of_putting_on(sealed: bytes) -> None:
    text = armor(sealed)
    assert is_armored(text)
    assert dearmor(text) == sealed
    assert dearmor(b" \t\r\n" + text.replace(b"\n", b"\r\n") + b"\n \n") == sealed


def test_an_age_file_is_not_armored() -> None:
    assert not is_armored(b"age-encryption.org/v1\n")


LINE = b"A" * 64 + b"\n"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-----BEGIN AGE ENCRYPTED FILE-----",
        BEGIN + LINE,
        LINE + END,
        BEGIN.lower() + LINE + END,
        BEGIN + b"A" * 60 + b"\n" + LINE + END,
        BEGIN + b"A" * 68 + b"\n" + END,
        BEGIN + LINE + b"\n" + END,
        BEGIN + b"\n" + END,
        BEGIN + b"AAA\n" + END,
        BEGIN + b"AA-_\n" + END,
        BEGIN + b"A===\n" + END,
        BEGIN + b"QR==\n" + END,
        BEGIN + b"AA==AAAA\n" + END,
        BEGIN + b"AAAA\r" + END,
        BEGIN + LINE + END + b"x",
        b"x" + BEGIN + LINE + END,
        b"\x0b" + BEGIN + LINE + END,
        BEGIN + b" AAA\n" + END,
    ],
)
def test_another_form_is_refused(text: bytes) -> None:
    with pytest.raises(ArmorMalformed):
        dearmor(text)


@given(st.binary(max_size=100))
def test_garbage_raises_only_errors_of_ours(garbage: bytes) -> None:
    try:
        sealed = dearmor(BEGIN + garbage + b"\n" + END)
    except ArmorMalformed:
        return
    assert dearmor(armor(sealed)) == sealed
