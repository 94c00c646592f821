"""The `mlkem768x25519` stanza: the one way documents are sealed (C2SP `age`).

Knows a private key only as something that opens; it never makes or loads one.
"""

from collections.abc import Sequence
from typing import Protocol

from exchange.envelope.age.encoding import b64, unb64
from exchange.envelope.age.header import Stanza
from exchange.errors import HeaderMalformed
from exchange.keyring.recipient import BODY_SIZE, ENC_SIZE, DocumentRecipient

TYPE = b"mlkem768x25519"
"""First argument of the stanza (C2SP age)."""


class Opening(Protocol):
    """A private document key, seen from here."""

    def open(self, enc: bytes, body: bytes) -> bytes | None:
        """Return what was wrapped, or None when it was wrapped to another key."""
        ...


class HybridRecipient:
    """A document key as recipient of an age file."""

    def __init__(self, key: DocumentRecipient) -> None:
        self._key = key

    def wrap(self, file_key: bytes) -> Stanza:
        """Return the stanza for this key."""
        enc, body = self._key.encapsulate(file_key)
        return Stanza((TYPE, b64(enc)), body)


class HybridIdentity:
    """A private document key as identity of an age file."""

    def __init__(self, key: Opening) -> None:
        self._key = key

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key from the first stanza this key opens; None when there is none.

        Raises:
            HeaderMalformed: a hybrid stanza before that one has a wrong form.
        """
        for stanza in stanzas:
            if stanza.arguments[0] != TYPE:
                continue
            opened = self._key.open(*parts(stanza))
            if opened is not None:
                return opened
        return None


def parts(stanza: Stanza) -> tuple[bytes, bytes]:
    """Return encapsulation (1120 bytes) and body (32 bytes) of a hybrid stanza.

    Sizes are checked here, before any decryption: a longer body would let an attacker test
    many keys with one file.

    Raises:
        HeaderMalformed: another type, or a wrong form.
    """
    if stanza.arguments[0] != TYPE or len(stanza.arguments) != len((TYPE, "enc")):
        raise HeaderMalformed("a stanza is not of the hybrid kind")
    enc = unb64(stanza.arguments[1])
    if len(enc) != ENC_SIZE or len(stanza.body) != BODY_SIZE:
        raise HeaderMalformed("a hybrid stanza has another size")
    return enc, stanza.body
