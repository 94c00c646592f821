"""The public document key of an agency: an age `mlkem768x25519` recipient (C2SP `age`).

Seals a file key to somebody; holds no secret and can open nothing.
"""

from functools import cached_property

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from exchange.errors import Malformed
from exchange.keyid import RECIPIENT_SIZE, document_fingerprint
from exchange.keyring import bech32

PREFIX = "age1pq"
"""Human-readable part of the string (C2SP age, the hybrid post-quantum recipient)."""
INFO = b"age-encryption.org/mlkem768x25519"
"""HPKE info: separates this use of the key from every other (C2SP age)."""
ENC_SIZE = 1120
"""Bytes of the encapsulation: 1088 ML-KEM-768 ciphertext and 32 X25519 share."""
BODY_SIZE = 32
"""Bytes of the wrapped file key: 16 and a 16-byte tag."""
_ML_KEM_SIZE = 1184


def suite() -> hpke.Suite:
    """Return the one HPKE suite in use (RFC 9180; KEM 0x647A, X-Wing)."""
    return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


class DocumentRecipient:
    """A public document key that has proved to be usable. Equal when its bytes are.

    Parsing costs most of a millisecond: keep the value rather than the string.
    """

    __slots__ = ("__dict__", "_key", "raw")

    def __init__(self, raw: bytes) -> None:
        """Take the key from its 1216 raw bytes.

        Raises:
            Malformed: another size, a non-reduced ML-KEM key or an X25519 share of low order.
        """
        if len(raw) != RECIPIENT_SIZE:
            raise Malformed("a document key has another size")
        self.raw = raw
        try:
            self._key = hpke.MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(raw[:_ML_KEM_SIZE]),
                X25519PublicKey.from_public_bytes(raw[_ML_KEM_SIZE:]),
            )
            # A share of low order loads and fails only in use: find out now, not while sealing.
            suite().encrypt(bytes(16), self._key, info=INFO)
        except ValueError:
            raise Malformed("a document key is not usable") from None

    @classmethod
    def parse(cls, text: str) -> "DocumentRecipient":
        """Read an `age1pq1...` string, or raise Malformed."""
        if text != text.lower():
            raise Malformed("a document key is written in lower case")
        return cls(bech32.decode(text, prefix=PREFIX))

    @cached_property
    def text(self) -> str:
        """The `age1pq1...` string, 1959 characters."""
        return bech32.encode(PREFIX, self.raw)

    @cached_property
    def fingerprint(self) -> str:
        """Name of the key, 43 characters: what a manifest names and a revocation lists."""
        return document_fingerprint(self.raw)

    def encapsulate(self, file_key: bytes) -> tuple[bytes, bytes]:
        """Wrap a 16-byte file key; return the encapsulation (1120 bytes) and body (32 bytes)."""
        sealed = suite().encrypt(file_key, self._key, info=INFO)
        return sealed[:ENC_SIZE], sealed[ENC_SIZE:]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DocumentRecipient) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"DocumentRecipient({self.fingerprint})"
