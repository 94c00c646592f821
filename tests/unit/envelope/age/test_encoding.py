"""exchange.envelope.age.encoding"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.envelope.age.encoding import b64, hkdf, unb64
from exchange.errors import HeaderMalformed


@given(st.binary(max_size=200))
def test_decoding_is_the_inverse_of_encoding(data: bytes) -> None:
    assert unb64(b64(data)) == data


@pytest.mark.parametrize(
    "text", [b"QQ==", b"Q", b"QR", b"QQ\n", b"Q Q", b"Q-_Q", b"QUF", b"QQQQQ", b"\xffQQQ"]
)
def test_another_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(HeaderMalformed):
        unb64(text)


@given(st.binary(max_size=20))
def test_whatever_is_accepted_has_one_spelling(text: bytes) -> None:
    try:
        data = unb64(text)
    except HeaderMalformed:
        return
    assert b64(data) == text


def test_keys_are_derived_as_in_rfc_5869() -> None:
    derived = hkdf(b"\x0b" * 22, salt=bytes(range(13)), info=bytes(range(0xF0, 0xFA)))
    assert derived.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
