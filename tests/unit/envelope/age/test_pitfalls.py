"""The eleven vectors a straightforward reader of age gets wrong, made here so they always run.

What is compared is the outcome and what was released before it, as in the public vectors.
"""

import io

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.envelope.age import stream
from exchange.envelope.age.armor import armor, dearmor
from exchange.envelope.age.decrypt import Decryptor, decrypt_file
from exchange.envelope.age.encoding import b64, unb64
from exchange.envelope.age.header import Stanza, encode
from exchange.errors import ExchangeError, HeaderMalformed, PayloadDamaged
from tests.envelopes import IDENTITY, RECIPIENT

FILE_KEY = b"YELLOW SUBMARINE"
NONCE = bytes(range(16))
FULL = b"a" * stream.CHUNK_SIZE


def _file(*chunks: tuple[bytes, bool]) -> bytes:
    """Return a file of these chunks, each marked as the last one or not."""
    cipher = ChaCha20Poly1305(stream.payload_key(FILE_KEY, NONCE))
    sealed = (
        cipher.encrypt(stream.chunk_nonce(index, last=last), plain, None)
        for index, (plain, last) in enumerate(chunks)
    )
    return encode([RECIPIENT.wrap(FILE_KEY)], FILE_KEY) + NONCE + b"".join(sealed)


def _outcome(sealed: bytes) -> tuple[bytes, type[ExchangeError] | None]:
    filed, pushed = _filed(sealed), _pushed(sealed)
    assert filed == pushed
    return filed


def _filed(sealed: bytes) -> tuple[bytes, type[ExchangeError] | None]:
    target = io.BytesIO()
    try:
        decrypt_file(io.BytesIO(sealed), target, [IDENTITY])
    except ExchangeError as error:
        return target.getvalue(), type(error)
    return target.getvalue(), None


def _pushed(sealed: bytes) -> tuple[bytes, type[ExchangeError] | None]:
    decryptor = Decryptor([IDENTITY])
    released = b""
    try:
        released = decryptor.update(sealed)
        released += decryptor.finalize()
    except ExchangeError as error:
        return released, type(error)
    return released, None


STREAMS = {
    "stream_no_final_full": (_file((FULL, False)), FULL),
    "stream_no_final_two_chunks_full": (_file((FULL, False), (FULL, False)), FULL * 2),
    "stream_trailing_garbage_long": (_file((FULL, True)) + bytes(100), FULL),
    "stream_trailing_garbage_short": (_file((FULL, True)) + bytes(5), FULL),
    "stream_two_final_chunks": (_file((FULL, True), (b"b", True)), FULL),
    "stream_two_final_chunks_full": (_file((FULL, True), (FULL, True)), FULL),
    "stream_two_final_chunks_second": (_file((FULL, False), (FULL, True), (b"", True)), FULL * 2),
}


@pytest.mark.parametrize(("sealed", "released"), STREAMS.values(), ids=STREAMS)
def test_verified_chunks_are_released_before_the_error(sealed: bytes, released: bytes) -> None:
    assert _outcome(sealed) == (released, PayloadDamaged)
    assert _outcome(dearmor(armor(sealed))) == (released, PayloadDamaged)


@pytest.mark.parametrize("share", [bytes(32), (1).to_bytes(32, "little")])
def test_a_hybrid_share_of_low_order_is_a_malformed_header(share: bytes) -> None:
    stanza = RECIPIENT.wrap(FILE_KEY)
    enc = unb64(stanza.arguments[1])
    weak = Stanza((stanza.arguments[0], b64(enc[:-32] + share)), stanza.body)
    assert _outcome(encode([weak], FILE_KEY) + NONCE) == (b"", HeaderMalformed)


def test_empty_armor_is_a_malformed_header() -> None:
    empty = b"-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n"
    assert _outcome(dearmor(empty)) == (b"", HeaderMalformed)


@pytest.mark.parametrize("chunks", [((FULL, False), (b"", True)), ((FULL, False), (b"", False))])
def test_an_empty_chunk_after_others_is_refused(chunks: tuple[tuple[bytes, bool], ...]) -> None:
    assert _outcome(_file(*chunks)) == (FULL, PayloadDamaged)


def test_a_short_chunk_that_is_not_marked_as_last_is_refused() -> None:
    assert _outcome(_file((b"short", False))) == (b"", PayloadDamaged)
