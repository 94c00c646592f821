"""What a person signs with a key of her own, made in her browser.

The browser gets the signing input as one ASCII text and gives back 64 bytes, so that it needs no
JSON and no digests. What it gives back is compared with what it was given, and verified.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from exchange import jws
from exchange.canonical import Json, b64u, encode, loads, unb64u
from exchange.errors import Malformed, StatementNotAcceptable
from exchange.keyid import person_key, person_kid
from exchange.statement import LARGEST_RECORD, Kind


def to_sign(kind: Kind, payload: Mapping[str, Json], key: bytes) -> str:
    """Return the signing input of the person's signature (RFC 7515, section 5.1).

    Args:
        kind: of the statement.
        payload: what is said.
        key: 32 bytes, raw Ed25519.

    Raises:
        Malformed: the key is weak, or the payload has no canonical form.
    """
    protected = jws.protected(jws.ED25519, person_kid(key), kind.value)
    return jws.signing_input(protected, b64u(encode(payload))).decode("ascii")


def payload_of(signing_input: str) -> dict[str, Any]:
    """Return the payload in a signing input; nothing of it is verified.

    Raises:
        Malformed: it is none.
        TooLarge: nobody would accept a statement of this size.
    """
    found = loads(unb64u(signing_input.partition(".")[2]), limit=LARGEST_RECORD)
    if not isinstance(found, dict):
        raise Malformed("a payload is an object")
    return found


@dataclass(frozen=True, slots=True)
class OwnSignature:
    """A signature that the person has made; stands for her where a statement is put together.

    It is an `exchange.statement.Signer` that signs one thing only.
    """

    key: bytes
    """32 bytes, raw Ed25519."""
    signed: str
    """The signing input."""
    signature: bytes = field(repr=False)
    """64 bytes."""

    @property
    def kid(self) -> str:
        """Name of her key."""
        return person_kid(self.key)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The one algorithm a browser signs with."""
        return (jws.ED25519,)

    def sign(self, _algorithm: str, signed: bytes) -> bytes:
        """Return her signature if it was made over `signed`.

        Raises:
            StatementNotAcceptable: she has signed something else.
        """
        if signed != self.signed.encode("utf-8"):
            raise StatementNotAcceptable
        return self.signature

    def statement(self, kind: Kind) -> bytes:
        """Return the statement that she alone has signed; its signature is not verified here.

        Raises:
            StatementNotAcceptable: what she has signed is no such statement with her key.
            Malformed: her key is weak.
        """
        if self.signed != to_sign(kind, payload_of(self.signed), self.key):
            raise StatementNotAcceptable
        protected, _, payload = self.signed.partition(".")
        entry = jws.Entry(jws.ED25519, self.kid, kind.value, protected, self.signature)
        return jws.write(payload, [entry])

    def verifies(self) -> bool:
        """Tell whether her key has signed exactly this; a weak key has signed nothing."""
        try:
            key = Ed25519PublicKey.from_public_bytes(person_key(self.key))
            key.verify(self.signature, self.signed.encode("utf-8"))
        except (Malformed, InvalidSignature):
            return False
        return True
