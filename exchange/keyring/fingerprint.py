"""Fingerprints as people read, print and compare them. Never shortens one.

Only spelling: what a fingerprint is a digest of, `exchange.keyid` says.
"""

import base64
import binascii

from exchange.canonical import b64u, unb64u
from exchange.errors import Malformed

GROUP = 4
"""Characters of one spoken group; 32 bytes are 13 groups."""
SIZE = 32
"""Bytes of every fingerprint."""


def spoken(kid: str) -> str:
    """Return 13 groups of four lowercase base32 characters for a `kid` or document fingerprint.

    Raises:
        Malformed: `kid` is not 43 characters of base64url.
    """
    text = base64.b32encode(unb64u(kid, size=SIZE)).decode("ascii").rstrip("=").lower()
    return " ".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def heard(text: str) -> str:
    """Return the `kid` that somebody reads aloud or types: the inverse of `spoken`.

    Case, spaces, hyphens and line breaks between the groups do not matter.

    Raises:
        Malformed: not exactly 52 characters of base32; the text never quotes them.
    """
    letters = "".join(text.replace("-", " ").split()).upper()
    try:
        digest = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except (binascii.Error, ValueError):
        raise Malformed("a spoken fingerprint has 13 groups of four letters a-z, 2-7") from None
    if len(digest) != SIZE or base64.b32encode(digest).decode("ascii").rstrip("=") != letters:
        raise Malformed("a spoken fingerprint has 13 groups of four letters a-z, 2-7")
    return b64u(digest)


def qr_text(agency: str, kid: str) -> str:
    """Return what the QR code in the annex of an agreement says."""
    return f"xch:{agency}:{kid}"
