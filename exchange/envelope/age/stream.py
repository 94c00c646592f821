"""The payload of an age v1 file: chunks, their nonces and sizes (C2SP `age`, STREAM).

Arithmetic and the payload key; opens and seals nothing itself.
"""

from exchange.envelope.age.encoding import hkdf

CHUNK_SIZE = 64 * 1024
"""Plaintext bytes of every chunk but the last (C2SP age)."""
TAG_SIZE = 16
"""Bytes that ChaCha20-Poly1305 adds to a chunk (RFC 8439)."""
SEALED_CHUNK_SIZE = CHUNK_SIZE + TAG_SIZE
"""Bytes of every chunk but the last as they are stored."""
NONCE_SIZE = 16
"""Bytes before the first chunk, which with the file key make the payload key."""
BATCH = 16
"""Chunks read or written at once: 1 MiB keeps system calls and lock hand-overs rare."""


def payload_key(file_key: bytes, nonce: bytes) -> bytes:
    """Return the 32-byte key of the chunks."""
    return hkdf(file_key, salt=nonce, info=b"payload")


def chunk_nonce(index: int, *, last: bool) -> bytes:
    """Return the 12-byte nonce of chunk `index`: a counter of 11 bytes and the final flag."""
    return (index << 8 | last).to_bytes(12, "big")


def payload_size(plaintext: int) -> int:
    """Return the bytes of the payload that holds `plaintext` bytes."""
    return NONCE_SIZE + plaintext + TAG_SIZE * max(1, -(-plaintext // CHUNK_SIZE))


def plaintext_size(payload: int) -> int | None:
    """Return the plaintext bytes in a payload of this size; None when no payload has this size."""
    chunks, rest = divmod(payload - NONCE_SIZE, SEALED_CHUNK_SIZE)
    if payload < NONCE_SIZE + TAG_SIZE or (chunks and 0 < rest <= TAG_SIZE):
        return None
    return payload - NONCE_SIZE - TAG_SIZE * (chunks + bool(rest))
