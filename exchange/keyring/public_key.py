"""A public Ed25519 key as a file: PEM, as `openssl pkey -pubout` writes it (RFC 8410)."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from exchange.errors import Malformed


def write_public_key(ed25519: bytes) -> bytes:
    """Return the file of a raw public key."""
    key = Ed25519PublicKey.from_public_bytes(ed25519)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def read_public_key(pem: bytes) -> bytes:
    """Return the raw public key in a file, 32 bytes; whether it is weak is not looked at.

    Raises:
        Malformed: a private key, another kind of key, several, or none.
    """
    if b"PRIVATE KEY" in pem:
        raise Malformed(
            "this file holds a private key, which only its owner may have: ask for the public one, "
            "and for a new pair if others could read this one"
        )
    if pem.count(b"-----BEGIN ") != 1:
        raise Malformed("this file does not hold exactly one public key in PEM")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Malformed("this file holds no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise Malformed("this file holds another kind of key than Ed25519")
    return key.public_bytes_raw()
