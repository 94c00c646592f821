"""The check at start-up that this machine's cryptography is there and does what it should.

Imports the algorithms only when asked, so that a missing one is a sentence and not a traceback.
Takes some milliseconds. Knows no key but the printed sample, and nothing that opens documents.
"""

import hashlib
import os
from collections.abc import Callable
from typing import Final

from exchange.errors import Misconfigured

ADVICE: Final = "install the published wheel of cryptography >= 50"
"""What to do: packages of distributions are too old or built without the algorithms."""
ENC_SIZE: Final = 1120
"""Bytes of a hybrid encapsulation (C2SP age)."""
SAMPLE_SEED: Final = bytes.fromhex(
    "31bda90fbf9fccdde5cfc0ed5a0378c5ea67ea193d7938b03b8c5dabb9a67de3"
)
"""The sample identity printed in C2SP age, `AGE-SECRET-KEY-PQ-1XX76...`."""
SAMPLE_RECIPIENT: Final = "5056b0a336f9428f482bc9c6c51c0b3f679cf104a9024403fe74066b0eed5374"
"""SHA-256 of the raw recipient printed beside it."""


def check() -> None:
    """Refuse to start where hybrid encryption or signatures are missing or wrong.

    Raises:
        Misconfigured: with the name of the check that failed and what to install.
    """
    for name, passes in (("encryption", _seals), ("signatures", _signs)):
        if not _runs(passes):
            raise Misconfigured(f"the self-test of {name} failed: {ADVICE}")


def _runs(passes: Callable[[], bool]) -> bool:
    try:
        return passes()
    except Exception:  # noqa: BLE001 -- whatever a broken library raises, nothing starts
        return False


def _seals() -> bool:
    """One known answer, one round trip, one flipped bit."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives import hpke  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415

    expanded = hashlib.shake_256(SAMPLE_SEED).digest(96)
    ml_kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    raw = ml_kem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    if hashlib.sha256(raw).hexdigest() != SAMPLE_RECIPIENT:
        return False
    kem = hpke.KEM.MLKEM768_X25519
    suite = hpke.Suite(kem, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    private = hpke.MLKEM768X25519PrivateKey(ml_kem, x25519)
    plaintext = os.urandom(16)
    sealed = suite.encrypt(plaintext, private.public_key(), info=b"self-test")
    if (
        kem.enc_length() != ENC_SIZE
        or suite.decrypt(sealed, private, info=b"self-test") != plaintext
    ):
        return False
    try:
        suite.decrypt(_flipped(sealed), private, info=b"self-test")
    except InvalidTag:
        return True
    return False


def _signs() -> bool:
    """One round trip and one flipped bit with each algorithm."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey  # noqa: PLC0415

    ed25519, ml_dsa_65 = Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate()
    return _verifies(ed25519.sign, ed25519.public_key().verify) and _verifies(
        ml_dsa_65.sign, ml_dsa_65.public_key().verify
    )


def _verifies(sign: Callable[[bytes], bytes], verify: Callable[[bytes, bytes], None]) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    signature = sign(b"self-test")
    verify(signature, b"self-test")
    try:
        verify(_flipped(signature), b"self-test")
    except InvalidSignature:
        return True
    return False


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])
