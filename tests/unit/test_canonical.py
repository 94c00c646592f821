"""exchange.canonical: the bytes of what is signed, and strict reading."""

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from exchange import canonical
from exchange.errors import ExchangeError, Malformed, TooLarge

LIMIT = 10_000
LARGEST = 2**53 - 1

text = st.text()
integers = st.integers(-LARGEST, LARGEST)
values = st.recursive(
    st.none() | st.booleans() | integers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


# Writing


@given(values)
def test_our_bytes_are_those_of_another_implementation_of_rfc_8785(value: Any) -> None:
    assert canonical.encode(value) == rfc8785.dumps(value)


@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert canonical.loads(canonical.encode(value), limit=10**6, depth=100) == value


def test_the_sorting_example_of_rfc_8785_comes_out_in_its_order() -> None:
    given_ = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    names = list(json.loads(canonical.encode(given_)))
    # Section 3.2.3: by UTF-16 code units, so the emoji stands before the Hebrew letter.
    assert names == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_the_literal_and_string_example_of_rfc_8785_comes_out_byte_for_byte() -> None:
    value = {
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical.encode(value) == expected.encode()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": (True, None)}, b'{"a":[true,null],"b":1}'),
        ("ä\u2028/", '"ä\u2028/"'.encode()),
        (LARGEST, b"9007199254740991"),
        (-LARGEST, b"-9007199254740991"),
        ({}, b"{}"),
        ([], b"[]"),
    ],
    ids=["object", "text", "largest", "smallest", "nothing", "empty"],
)
def test_a_value_has_one_spelling(value: Any, written: bytes) -> None:
    assert canonical.encode(value) == written


@pytest.mark.parametrize(
    "value",
    [1.5, 2**53, -(2**53), "\ud800", {"\ud800": 1}, {1: 2}, b"x", {1, 2}, [object()], float("nan")],
    ids=[
        *("float", "large", "small", "surrogate", "surrogate-name", "number-name", "bytes"),
        *("set", "object", "nan"),
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        canonical.encode(value)


# Reading


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"b":{"a":1,"a":2}}',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1.0",
        b"1e2",
        b"1e400",
        b"9007199254740992",
        b"-9007199254740992",
        b"9" * 5000,
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
        "1".encode("utf-16"),
        b'"\xff"',
        b"",
        b"1 2",
        b"{'a':1}",
        b"[1,]",
        b'"\x01"',
        b"[" * 5000,
        b"[" * 9 + b"]" * 9,
    ],
    ids=[
        *("twice", "twice-inside", "nan", "inf", "minus-inf", "decimal", "power", "overflow"),
        *("large", "small", "digits", "surrogate", "surrogate-name", "surrogate-bytes", "bom"),
        *("utf-16", "no-utf-8", "empty", "two", "quotes", "comma", "control", "brackets", "deep"),
    ],
)
def test_lax_json_is_refused_without_quoting_it(data: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        canonical.loads(data, limit=LIMIT)
    assert refused.value.__cause__ is None
    assert "5000" not in str(refused.value)


def test_the_limits_of_size_and_depth_are_exact() -> None:
    assert canonical.loads(b"[" * 8 + b"]" * 8, limit=16)
    with pytest.raises(TooLarge):
        canonical.loads(b"[" * 8 + b"]" * 8, limit=15)
    assert canonical.loads(b'{"a":[]}', limit=9, depth=2) == {"a": []}
    with pytest.raises(Malformed):
        canonical.loads(b'{"a":[]}', limit=9, depth=1)


def test_the_largest_integers_are_read() -> None:
    assert canonical.loads(b"[9007199254740991,-9007199254740991]", limit=99) == [LARGEST, -LARGEST]


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_garbage_raises_only_our_errors(data: bytes) -> None:
    try:
        value = canonical.loads(data, limit=50)
    except ExchangeError:
        return
    assert canonical.loads(canonical.encode(value), limit=400) == value


# base64url


@given(st.binary(max_size=80))
def test_base64url_is_unpadded_and_read_back(data: bytes) -> None:
    spelt = canonical.b64u(data)
    assert "=" not in spelt
    assert canonical.unb64u(spelt) == data
    assert canonical.unb64u(spelt, size=len(data)) == data


@pytest.mark.parametrize("spelt", ["QR", "QQ==", "Q", "Q+==", "+/+/", "Q Q", "QQ\n", "ÄÄ", "QUJ"])
def test_base64url_in_another_spelling_is_refused(spelt: str) -> None:
    with pytest.raises(Malformed):
        canonical.unb64u(spelt)


def test_base64url_of_another_size_is_refused() -> None:
    with pytest.raises(Malformed):
        canonical.unb64u("QQ", size=2)


@given(st.text(alphabet="AQRg_-+/= \n", max_size=9))
def test_one_text_of_base64url_spells_one_value(spelt: str) -> None:
    try:
        data = canonical.unb64u(spelt)
    except Malformed:
        return
    assert canonical.b64u(data) == spelt


# Digests


def test_a_labelled_digest_covers_label_line_feed_and_parts() -> None:
    expected = hashlib.sha256(b"xch-identity-key-v1\nabc").digest()
    assert canonical.labelled("xch-identity-key-v1", b"a", b"bc") == expected


def test_digests_are_spelt_as_documented() -> None:
    assert canonical.digest(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    assert canonical.sha256_hex(b"") == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("06060606-0606-4606-8606-060606060606", True),
        ("06060606-0606-4606-b606-06060606060f", True),
        ("06060606-0606-1606-8606-060606060606", False),
        ("06060606-0606-4606-c606-060606060606", False),
        ("06060606-0606-4606-8606-06060606060F", False),
        ("{06060606-0606-4606-8606-060606060606}", False),
        ("06060606060646068606060606060606", False),
        ("06060606-0606-4606-8606-060606060606\n", False),
        (None, False),
        (1, False),
    ],
    ids=[
        *("least", "most", "version-1", "variant", "upper", "braces", "bare", "line", "null", "one")
    ],
)
def test_only_version_4_uuids_in_lower_case_are_ids(value: object, *, is_one: bool) -> None:
    assert canonical.is_uuid4(value) is is_one


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("ab" * 32, True),
        ("AB" * 32, False),
        ("ab" * 31, False),
        ("ab" * 32 + "\n", False),
        (1, False),
    ],
    ids=["good", "upper", "short", "line", "number"],
)
def test_only_64_lowercase_hex_digits_are_a_file_digest(value: object, *, is_one: bool) -> None:
    assert canonical.is_sha256_hex(value) is is_one
