"""The form of a signed statement: JWS General JSON Serialization (RFC 7515) in one spelling.

Reads and writes the outer object and the protected headers. Believes nothing it reads and verifies
no signature: `exchange.statement` does, and is the only caller.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from exchange import canonical
from exchange.errors import Malformed, StatementNotAcceptable, TooLarge

ED25519: Final = "Ed25519"
"""Name of the classical signature (RFC 9864); `EdDSA` is refused."""
ML_DSA_65: Final = "ML-DSA-65"
"""Name of the post-quantum signature (RFC 9964): pure, empty context."""

SIGNATURE_SIZE: Final = {ED25519: 64, ML_DSA_65: 3309}
"""Bytes of each signature (RFC 8032; FIPS 204, table 2)."""
LARGEST_HEADER: Final = 512
"""Bytes of a protected header; ours has at most 120."""
LARGEST_NUMBER: Final = 4
"""Signatures of one statement: two pairs in a key succession."""

HEADER: Final = ("alg", "kid", "typ")
"""Members of a protected header, all of them and no other."""

# The one spelling is a regular language: nothing in it is ever escaped, so it is read as one.
_B64U: Final = "([A-Za-z0-9_-]*+)"
_ENTRY: Final = rf'\{{"protected":"{_B64U}","signature":"{_B64U}"\}}'
_MORE: Final = f"(?:,{_ENTRY})?" * (LARGEST_NUMBER - 1)
_OUTER: Final = re.compile(rf'\{{"payload":"{_B64U}","signatures":\[{_ENTRY}{_MORE}\]\}}')
_USUAL_HEADER: Final = re.compile(
    rb'\{"alg":"([A-Za-z0-9-]{1,16})","kid":"([A-Za-z0-9_-]{1,64})","typ":"([a-z0-9+-]{1,64})"\}'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One signature with its protected header."""

    alg: str
    kid: str
    typ: str
    protected: str
    """The header as it was transported and signed: base64url."""
    signature: bytes


@dataclass(frozen=True, slots=True)
class Outer:
    """The outer object: the payload as it was transported, and one to four entries."""

    payload: str
    """Canonical base64url, as it was signed."""
    content: bytes = field(repr=False)
    """The bytes of the payload; not read before the signatures verified."""
    signatures: tuple[Entry, ...]


def signing_input(protected: str, payload: str) -> bytes:
    """Return what is signed (RFC 7515, section 5.1)."""
    return f"{protected}.{payload}".encode("ascii")


def protected(alg: str, kid: str, typ: str) -> str:
    """Return a protected header in base64url; it has these three members and no other."""
    return canonical.b64u(canonical.encode({"alg": alg, "kid": kid, "typ": typ}))


def write(payload: str, signatures: Iterable[Entry]) -> bytes:
    """Return the statement as one line of ASCII without LF: its own RFC 8785 form."""
    entries = ",".join(
        f'{{"protected":"{entry.protected}","signature":"{canonical.b64u(entry.signature)}"}}'
        for entry in signatures
    )
    return f'{{"payload":"{payload}","signatures":[{entries}]}}'.encode("ascii")


def read(data: bytes) -> Outer:
    """Read the outer object and the headers; `data` must be in its one spelling.

    Raises:
        StatementNotAcceptable: in step 2, the outer object; in step 4, a protected header.
    """
    found = _OUTER.fullmatch(data.decode("latin-1"))  # what is not ASCII fits nowhere
    if found is None:
        raise StatementNotAcceptable(step=2)
    payload, *parts = (part for part in found.groups() if part is not None)
    try:
        content = canonical.unb64u(payload)
        signed = [
            (protected, canonical.unb64u(protected), canonical.unb64u(signature))
            for protected, signature in zip(parts[::2], parts[1::2], strict=True)
        ]
    except Malformed:
        raise StatementNotAcceptable(step=2) from None
    return Outer(payload, content, tuple(_entry(*one) for one in signed))


def _entry(text: str, header: bytes, signature: bytes) -> Entry:
    found = _USUAL_HEADER.fullmatch(header)
    if found is not None:
        alg, kid, typ = (part.decode("ascii") for part in found.groups())
    else:
        alg, kid, typ = _spelled_otherwise(header)
    return Entry(alg, kid, typ, text, signature)


def _spelled_otherwise(header: bytes) -> tuple[str, str, str]:
    """Read a header as JOSE libraries in other languages write it; its spelling is signed."""
    try:
        members = canonical.loads(header, limit=LARGEST_HEADER, depth=1)
    except (Malformed, TooLarge):
        raise StatementNotAcceptable(step=4) from None
    match members:
        case {"alg": str(alg), "kid": str(kid), "typ": str(typ)} if len(members) == len(HEADER):
            return alg, kid, typ
    raise StatementNotAcceptable(step=4)
