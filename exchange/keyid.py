"""Names of keys: labelled digests over public keys, and the refusal of weak ones.

Pure; knows public keys only. CRYPTO: keys, names of keys. Never holds or derives a secret.
"""

import re
from dataclasses import dataclass

from exchange.canonical import b64u, labelled, unb64u
from exchange.errors import Malformed

ED25519_SIZE = 32
"""Bytes of a raw Ed25519 public key (RFC 8032)."""
ML_DSA_65_SIZE = 1952
"""Bytes of a raw ML-DSA-65 public key (FIPS 204, table 2)."""
RECIPIENT_SIZE = 1216
"""Bytes of a raw `mlkem768x25519` recipient: 1184 ML-KEM-768 and 32 X25519 (C2SP age)."""

_AGENCY = re.compile(r"[a-z0-9][a-z0-9-]{1,62}", re.ASCII)
_P = 2**255 - 19
_SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        # The y coordinates (sign bit masked) of the 8 points of small order; RFC 8032 5.1.
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)


def agency_id(text: object) -> str:
    """Return `text` if it is an agency id: 2 to 63 of a-z, 0-9 and "-", or raise Malformed."""
    if not isinstance(text, str) or _AGENCY.fullmatch(text) is None:
        raise Malformed("an agency id has 2 to 63 characters of a-z, 0-9 and -")
    return text


@dataclass(frozen=True, slots=True)
class IdentityCard:
    """The two public keys of an agency. Needs no signature: its `kid` is pinned."""

    agency: str
    ed25519: bytes
    """32 bytes, raw."""
    ml_dsa_65: bytes
    """1952 bytes, raw."""

    def __post_init__(self) -> None:
        agency_id(self.agency)
        if len(self.ed25519) != ED25519_SIZE or len(self.ml_dsa_65) != ML_DSA_65_SIZE:
            raise Malformed("an identity card holds keys of another size")

    @property
    def kid(self) -> str:
        """Name of the pair, 43 characters: covers both keys, so half a pair means nothing."""
        return b64u(labelled("xch-identity-key-v1", self.ed25519, self.ml_dsa_65))

    def payload(self) -> dict[str, str]:
        """Return the card as JSON members `agency`, `ed25519`, `ml-dsa-65` (base64url)."""
        return {
            "agency": self.agency,
            "ed25519": b64u(self.ed25519),
            "ml-dsa-65": b64u(self.ml_dsa_65),
        }


def identity_card(payload: object) -> IdentityCard:
    """Read a card from exactly the members of `IdentityCard.payload`, or raise Malformed."""
    if (
        not isinstance(payload, dict)
        or payload.keys() != {"agency", "ed25519", "ml-dsa-65"}
        or not all(isinstance(value, str) for value in payload.values())
    ):
        raise Malformed("an identity card has the members agency, ed25519 and ml-dsa-65")
    return IdentityCard(
        payload["agency"],
        unb64u(payload["ed25519"], size=ED25519_SIZE),
        unb64u(payload["ml-dsa-65"], size=ML_DSA_65_SIZE),
    )


def document_fingerprint(recipient: bytes) -> str:
    """Return the fingerprint of a document key: 43 characters over the 1216 raw bytes."""
    if len(recipient) != RECIPIENT_SIZE:
        raise Malformed("a document key has another size")
    return b64u(labelled("xch-document-key-v1", recipient))


def person_kid(ed25519: bytes) -> str:
    """Return the `kid` of a person's key, after refusing weak ones (see `person_key`)."""
    return b64u(labelled("xch-person-key-v1", person_key(ed25519)))


def person_key(ed25519: bytes) -> bytes:
    """Return a person's raw public key, or refuse it.

    The library loads non-canonical encodings and points of small order, and then accepts
    forgeries under them; a person's key comes from outside.

    Raises:
        Malformed: not 32 bytes, y >= p, or one of the points of small order.
    """
    if len(ed25519) != ED25519_SIZE:
        raise Malformed("a person's key has another size")
    if is_weak(ed25519):
        raise Malformed("a person's key is weak")
    return ed25519


def auditor_kid(ed25519: bytes) -> str:
    """Return the `kid` of an auditor's key, with which her own tool asks for tokens.

    Raises:
        Malformed: not 32 bytes, or weak: it comes from outside, as a person's does.
    """
    if len(ed25519) != ED25519_SIZE:
        raise Malformed("an auditor's key has another size")
    if is_weak(ed25519):
        raise Malformed("an auditor's key is weak")
    return b64u(labelled("xch-auditor-key-v1", ed25519))


def is_weak(ed25519: bytes) -> bool:
    """Tell whether 32 bytes are y >= p or a point of small order: no key to trust signatures of."""
    masked = ed25519[:31] + bytes([ed25519[31] & 0x7F])
    return int.from_bytes(masked, "little") >= _P or masked in _SMALL_ORDER
