"""Base64 as headers write it, and the key derivation of age v1 (C2SP `age`)."""

import base64
import binascii
import re

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exchange.errors import HeaderMalformed

KEY_SIZE = 32
"""Bytes of every derived key."""

_ALPHABET = re.compile(rb"[A-Za-z0-9+/]*")


def b64(data: bytes) -> bytes:
    """Return unpadded standard base64 (RFC 4648, section 4)."""
    return base64.b64encode(data).rstrip(b"=")


def unb64(text: bytes) -> bytes:
    """Return the bytes of unpadded base64 in its one canonical spelling.

    Raises:
        HeaderMalformed: another alphabet, padding, white space, a length of 1 modulo 4, or unused
            bits that are not zero; Python's own decoder lets the last pass.
    """
    if _ALPHABET.fullmatch(text) is None:
        raise HeaderMalformed("a header has characters that are not base64")
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise HeaderMalformed("a header has base64 of an impossible length") from None
    if b64(data) != text:
        raise HeaderMalformed("a header has base64 that is not canonical")
    return data


def hkdf(secret: bytes, *, salt: bytes, info: bytes) -> bytes:
    """Return 32 bytes of HKDF-SHA-256 (RFC 5869)."""
    return HKDF(SHA256(), KEY_SIZE, salt, info).derive(secret)
