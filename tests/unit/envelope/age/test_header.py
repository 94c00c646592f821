"""exchange.envelope.age.header"""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.envelope.age.encoding import b64
from exchange.envelope.age.header import (
    LARGEST,
    Splitter,
    Stanza,
    encode,
    parse,
    read,
    verify_mac,
)
from exchange.errors import ExchangeError, HeaderMacWrong, HeaderMalformed
from tests.envelopes import pushed, split

FILE_KEY = b"YELLOW SUBMARINE"
STANZA = Stanza((b"type", b"argument"), b"body of a stanza")
HEADER = encode([STANZA], FILE_KEY)
arguments = st.lists(st.binary(min_size=1, max_size=20).map(b64), min_size=1, max_size=4).map(tuple)
stanzas = st.builds(Stanza, arguments, st.binary(max_size=200))


def test_a_header_has_this_form() -> None:
    assert HEADER == (
        b"age-encryption.org/v1\n"
        b"-> type argument\n"
        b"Ym9keSBvZiBhIHN0YW56YQ\n"
        b"--- 9lx+/NQlGmlFE3CsZe6ReDHuXxWRPkuPyZB0m5kwL4Q\n"
    )


@given(st.lists(stanzas, min_size=1, max_size=4))
def test_parsing_is_the_inverse_of_encoding(found: list[Stanza]) -> None:
    raw = encode(found, FILE_KEY)
    header = parse(raw)
    assert header.stanzas == tuple(found)
    assert header.raw == raw
    verify_mac(header, FILE_KEY)
    assert encode(header.stanzas, FILE_KEY) == raw


def test_the_mac_commits_to_the_file_key() -> None:
    with pytest.raises(HeaderMacWrong):
        verify_mac(parse(HEADER), bytes(16))


def test_the_mac_covers_every_byte_before_it() -> None:
    changed = HEADER.replace(b"argument", b"argumenu")
    with pytest.raises(HeaderMacWrong):
        verify_mac(parse(changed), FILE_KEY)
    with pytest.raises(HeaderMacWrong):
        verify_mac(replace(parse(HEADER), mac=bytes(32)), FILE_KEY)


@pytest.mark.parametrize("size", [0, 47, 48, 49, 96])
def test_the_last_line_of_a_body_is_always_short(size: int) -> None:
    encoded = Stanza((b"t",), bytes(size)).encode()
    assert encoded.endswith(b"\n\n") == (size % 48 == 0)
    assert parse(encode([Stanza((b"t",), bytes(size))], FILE_KEY)).stanzas[0].body == bytes(size)


MALFORMED = {
    "empty": b"",
    "another version": HEADER.replace(b"v1", b"v2"),
    "carriage returns": HEADER.replace(b"\n", b"\r\n"),
    "carriage return in an argument": HEADER.replace(b"argument", b"arg\rument"),
    "no stanza": b"age-encryption.org/v1\n--- " + bytes(43).replace(b"\0", b"A") + b"\n",
    "no MAC": HEADER[: HEADER.index(b"---")],
    "no line feed at the end": HEADER[:-1],
    "bytes after the MAC": HEADER + b"x",
    "a line after the MAC": HEADER + b"\n",
    "two spaces before the MAC": HEADER.replace(b"--- ", b"---  "),
    "MAC of another size": HEADER[:-5] + b"\n",
    "MAC that is not canonical": HEADER[:-2] + b"B\n",
    "empty argument": HEADER.replace(b"type argument", b"type  argument"),
    "trailing space": HEADER.replace(b"argument", b"argument "),
    "no argument": HEADER.replace(b"-> type argument", b"->"),
    "another mark": HEADER.replace(b"-> ", b"=> "),
    "control character in an argument": HEADER.replace(b"argument", b"argu\x7fment"),
    "padded body": HEADER.replace(b"YQ\n---", b"YQ==\n---"),
    "body line too long": HEADER.replace(b"Ym9k", b"Ym9k" * 20),
    "body without its end": encode([Stanza((b"t",), bytes(48))], FILE_KEY).replace(b"\n\n", b"\n"),
    "empty line between": HEADER.replace(b"---", b"\n---"),
    "too large": encode([Stanza((b"t",), bytes(60_000))], FILE_KEY),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_anything_the_grammar_does_not_admit_is_refused(raw: bytes) -> None:
    with pytest.raises(HeaderMalformed):
        parse(raw)
    with pytest.raises(HeaderMalformed):
        parse(_read_to_the_end(raw))


def _read_to_the_end(raw: bytes) -> bytes:
    source = io.BytesIO(raw)
    return read(source).raw + source.read()


def test_reading_stops_at_the_first_byte_of_the_payload() -> None:
    source = io.BytesIO(HEADER + b"payload\n--- ")
    assert read(source).raw == HEADER
    assert source.read() == b"payload\n--- "


def test_reading_a_header_is_bounded() -> None:
    source = io.BytesIO(b"age-encryption.org/v1\n" + b"-> t\n" * 100_000)
    with pytest.raises(HeaderMalformed):
        read(source)
    assert source.tell() <= LARGEST


def test_reading_a_line_without_end_is_bounded() -> None:
    source = io.BytesIO(b"age-encryption.org/v1\n" + b"x" * 1_000_000)
    with pytest.raises(HeaderMalformed):
        read(source)
    assert source.tell() <= LARGEST


@given(st.binary(max_size=300))
def test_garbage_raises_only_errors_of_ours(garbage: bytes) -> None:
    for raw in (garbage, b"age-encryption.org/v1\n" + garbage):
        with pytest.raises(ExchangeError):
            parse(raw)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_a_changed_byte_is_refused_or_breaks_the_mac(place: int, value: int) -> None:
    place %= len(HEADER)
    changed = HEADER[:place] + bytes([value]) + HEADER[place + 1 :]
    if changed == HEADER:
        return
    with pytest.raises((HeaderMalformed, HeaderMacWrong)):
        verify_mac(parse(changed), FILE_KEY)


@pytest.mark.parametrize("size", [1, 7, 64, 4096, 10**6])
@pytest.mark.parametrize("plaintext", [b"", b"x", b"\n--- A\n" * 20_000])
def test_the_splitter_splits_alike_however_the_bytes_arrive(size: int, plaintext: bytes) -> None:
    raw = pushed(plaintext)
    splitter = Splitter()
    payload = _feed(splitter, raw, size)
    assert splitter.header is not None
    assert (splitter.header.raw, payload) == split(raw)
    assert splitter.header.raw + payload == raw


@pytest.mark.parametrize("size", [1000, 65_536, 200_000])
@pytest.mark.parametrize(
    "raw",
    [
        b"age-encryption.org/v1\n" + b"-> t\nQQ\n" * 20_000,
        b"x" * 200_000,
        HEADER[:-1] + b"x" * 100_000,
        b"\n--- \n",
    ],
    ids=["no MAC line", "no line", "MAC line too long", "nothing before the MAC"],
)
def test_the_splitter_refuses_a_header_without_end(raw: bytes, size: int) -> None:
    with pytest.raises(HeaderMalformed):
        _feed(Splitter(), raw, size)


def _feed(splitter: Splitter, raw: bytes, size: int) -> bytes:
    return b"".join(splitter.feed(raw[at : at + size]) for at in range(0, len(raw), size))


def test_a_mac_line_that_arrives_late_is_waited_for_only_as_long_as_it_can_be() -> None:
    splitter = Splitter()
    assert splitter.feed(HEADER[:-1]) == b""
    with pytest.raises(HeaderMalformed):
        splitter.feed(b"A")


@given(st.lists(st.binary(max_size=100), max_size=10))
def test_the_splitter_raises_only_errors_of_ours(pieces: list[bytes]) -> None:
    splitter = Splitter()
    try:
        for piece in pieces:
            assert splitter.feed(piece) == b""
    except ExchangeError:
        pass
    assert splitter.header is None
