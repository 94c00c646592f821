"""Key files under a passphrase: the `scrypt` stanza (C2SP `age`; RFC 7914).

Never accepted for documents: whoever writes the file chooses how much work opening takes.
"""

import os
import re
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from exchange.envelope.age.armor import dearmor, is_armored
from exchange.envelope.age.decrypt import Decryptor
from exchange.envelope.age.encoding import KEY_SIZE, b64, unb64
from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.header import FILE_KEY_SIZE, Stanza
from exchange.envelope.age.stream import TAG_SIZE
from exchange.errors import HeaderMalformed

WORK_FACTOR = 18
"""Log2 of the scrypt cost: one second and 256 MiB for every guess."""
LARGEST_WORK_FACTOR = 22
"""Log2 of the largest cost this machine may be made to pay: sixteen seconds, 4 GiB."""

_TYPE = b"scrypt"
_LABEL = b"age-encryption.org/v1/scrypt"
_SALT_SIZE = 16
_NUMBER = re.compile(rb"[1-9][0-9]*")
_NONCE = bytes(12)


def seal(secret: bytes, passphrase: str) -> bytes:
    """Return `secret` as an age file that opens with `passphrase` and any stock age."""
    encryptor = Encryptor([PassphraseRecipient(passphrase)])
    return encryptor.update(secret) + encryptor.finalize()


def open(sealed: bytes, passphrase: str) -> bytes:  # noqa: A001  # DESIGN's word for it
    """Return what is in an age file, armored or not, that was made with `passphrase`.

    Raises:
        NoMatch: another passphrase.
        Unreadable: anything else that is wrong with the file.
    """
    decryptor = Decryptor([PassphraseIdentity(passphrase)])
    return decryptor.update(dearmor(sealed) if is_armored(sealed) else sealed) + (
        decryptor.finalize()
    )


class PassphraseRecipient:
    """A passphrase as the only recipient of an age file."""

    def __init__(self, passphrase: str, *, work_factor: int = WORK_FACTOR) -> None:
        self._passphrase = passphrase
        self._work_factor = work_factor

    def wrap(self, file_key: bytes) -> Stanza:
        """Return the stanza; takes as long as one guess."""
        salt = os.urandom(_SALT_SIZE)
        cipher = _cipher(self._passphrase, salt, self._work_factor)
        arguments = (_TYPE, b64(salt), str(self._work_factor).encode("ascii"))
        return Stanza(arguments, cipher.encrypt(_NONCE, file_key, None))


class PassphraseIdentity:
    """A passphrase as identity."""

    def __init__(self, passphrase: str) -> None:
        self._passphrase = passphrase

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key, or None when there is no such stanza or the passphrase is wrong.

        Raises:
            HeaderMalformed: the stanza has a wrong form, or asks for more work than we do.
        """
        for stanza in stanzas:
            if stanza.arguments[0] == _TYPE:
                return self._unwrap(stanza)
        return None

    def _unwrap(self, stanza: Stanza) -> bytes | None:
        if len(stanza.arguments) != len((_TYPE, "salt", "work factor")):
            raise HeaderMalformed("a passphrase stanza has another form")
        _, salt_text, factor = stanza.arguments
        salt = unb64(salt_text)
        if len(salt) != _SALT_SIZE or len(stanza.body) != FILE_KEY_SIZE + TAG_SIZE:
            raise HeaderMalformed("a passphrase stanza has another size")
        digits = len(str(LARGEST_WORK_FACTOR))
        if _NUMBER.fullmatch(factor) is None or len(factor) > digits:
            raise HeaderMalformed("a passphrase stanza has no proper work factor")
        if int(factor) > LARGEST_WORK_FACTOR:
            raise HeaderMalformed("a passphrase stanza asks for too much work")
        try:
            return _cipher(self._passphrase, salt, int(factor)).decrypt(_NONCE, stanza.body, None)
        except InvalidTag:
            return None


def _cipher(passphrase: str, salt: bytes, work_factor: int) -> ChaCha20Poly1305:
    kdf = Scrypt(salt=_LABEL + salt, length=KEY_SIZE, n=1 << work_factor, r=8, p=1)
    return ChaCha20Poly1305(kdf.derive(passphrase.encode("utf-8")))
