"""The private document key of an agency: opens what was sealed to its recipient.

Lives in the gateway's process only; the hub may not import this module. The key is never in a
representation, an error or a log line.
"""

import hashlib
import os
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from exchange.errors import HeaderMalformed, Malformed
from exchange.keyring import bech32
from exchange.keyring.recipient import INFO, DocumentRecipient, suite

PREFIX = "age-secret-key-pq-"
"""Human-readable part of the string, written in upper case (C2SP age)."""
SEED_SIZE = 32
"""Bytes of the seed, which is the whole key."""
_ML_KEM_SEED_SIZE = 64
_SHARE_SIZE = 32


class DocumentKey:
    """A document key: a 32-byte seed and what is expanded from it, once."""

    def __init__(self, seed: bytes) -> None:
        """Expand the key from its seed: SHAKE256, 64 bytes for ML-KEM-768, 32 for X25519.

        Raises:
            Malformed: the seed is not 32 bytes.
        """
        if len(seed) != SEED_SIZE:
            raise Malformed("the seed of a document key has another size")
        expanded = hashlib.shake_256(seed).digest(_ML_KEM_SEED_SIZE + _SHARE_SIZE)
        self._seed = seed
        self._ml_kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_ML_KEM_SEED_SIZE])
        self._x25519 = X25519PrivateKey.from_private_bytes(expanded[_ML_KEM_SEED_SIZE:])
        # The library's pair cannot be serialised and has no constructor from a seed.
        self._key = hpke.MLKEM768X25519PrivateKey(self._ml_kem, self._x25519)

    @classmethod
    def generate(cls) -> "DocumentKey":
        """Make a new key from the operating system's randomness."""
        return cls(os.urandom(SEED_SIZE))

    @classmethod
    def parse(cls, text: str) -> "DocumentKey":
        """Read an `AGE-SECRET-KEY-PQ-1...` string, or raise Malformed, which never quotes it."""
        if text != text.upper():
            raise Malformed("a secret document key is written in upper case")
        return cls(bech32.decode(text, prefix=PREFIX))

    def secret_text(self) -> str:
        """Return the secret `AGE-SECRET-KEY-PQ-1...` string, for a key file and nothing else."""
        return bech32.encode(PREFIX, self._seed).upper()

    @cached_property
    def recipient(self) -> DocumentRecipient:
        """The public half."""
        return DocumentRecipient(
            self._ml_kem.public_key().public_bytes_raw()
            + self._x25519.public_key().public_bytes_raw()
        )

    @property
    def fingerprint(self) -> str:
        """Name of the public half, 43 characters."""
        return self.recipient.fingerprint

    def open(self, enc: bytes, body: bytes) -> bytes | None:
        """Return what was wrapped to this key, or None when it was wrapped to another.

        Args:
            enc: encapsulation, 1120 bytes.
            body: wrapped file key, 32 bytes; checked by the caller before any decryption.

        Raises:
            HeaderMalformed: the X25519 share in `enc` is of low order. HPKE reports this exactly
                like a wrong key, hence the exchange of our own before it.
        """
        try:
            self._x25519.exchange(X25519PublicKey.from_public_bytes(enc[-_SHARE_SIZE:]))
        except ValueError:
            raise HeaderMalformed("a stanza holds a share of low order") from None
        try:
            return suite().decrypt(enc + body, self._key, info=INFO)
        except InvalidTag:
            return None

    def __repr__(self) -> str:
        return f"DocumentKey({self.fingerprint})"
