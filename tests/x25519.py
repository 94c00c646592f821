"""The classical age recipient (C2SP `age`), for vectors and older tools; the product has none."""

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.envelope.age.encoding import b64, hkdf, unb64
from exchange.envelope.age.header import Stanza
from exchange.errors import HeaderMalformed
from exchange.keyring import bech32

_TYPE = b"X25519"
_INFO = b"age-encryption.org/v1/X25519"
_NONCE = bytes(12)


class X25519Recipient:
    """An `age1...` recipient."""

    def __init__(self, text: str) -> None:
        self._key = bech32.decode(text, prefix="age")

    def wrap(self, file_key: bytes) -> Stanza:
        """Return the stanza for this key."""
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self._key))
        key = hkdf(shared, salt=share + self._key, info=_INFO)
        return Stanza((_TYPE, b64(share)), ChaCha20Poly1305(key).encrypt(_NONCE, file_key, None))


class X25519Identity:
    """An `AGE-SECRET-KEY-1...` identity."""

    def __init__(self, text: str) -> None:
        self._key = X25519PrivateKey.from_private_bytes(
            bech32.decode(text, prefix="age-secret-key-")
        )

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key from the first stanza this key opens."""
        public = self._key.public_key().public_bytes_raw()
        for stanza in stanzas:
            if stanza.arguments[0] != _TYPE:
                continue
            if len(stanza.arguments) != 2:
                raise HeaderMalformed("an X25519 stanza has another form")
            share = unb64(stanza.arguments[1])
            if len(share) != 32 or len(stanza.body) != 32:
                raise HeaderMalformed("an X25519 stanza has another size")
            try:
                shared = self._key.exchange(X25519PublicKey.from_public_bytes(share))
            except ValueError:
                raise HeaderMalformed("a share is of low order") from None
            key = hkdf(shared, salt=share + public, info=_INFO)
            try:
                return ChaCha20Poly1305(key).decrypt(_NONCE, stanza.body, None)
            except InvalidTag:
                continue
        return None
