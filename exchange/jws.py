"""The form of a signed statement: JWS General JSON Serialization (RFC 7515) in one spelling.

Reads and writes the outer object and the protected headers. Believes nothing it reads and verifies
no signature: `exchange.statement` does, and is the only caller.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exchange import canonical
from exchange.errors import Malformed, StatementNotAcceptable, TooLarge

ED25519: Final = "Ed25519"
"""Name of the classical signature (RFC 9864); `EdDSA` is refused."""
ML_DSA_65: Final = "ML-DSA-65"
"""Name of the post-quantum signature (RFC 9964): pure, empty context."""

SIGNATURE_SIZE: Final = {ED25519: 64, ML_DSA_65: 3309}
"""Bytes of each signature (RFC 8032; FIPS 204, table 2)."""
LARGEST_HEADER: Final = 512
"""Bytes of a protected header; ours have about 110."""
LARGEST_NUMBER: Final = 4
"""Signatures of one statement: two pairs in a key succession."""


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
    """Canonical base64url; not decoded before the signatures verified."""
    signatures: tuple[Entry, ...]


def signing_input(protected: str, payload: str) -> bytes:
    """Return what is signed (RFC 7515, section 5.1)."""
    return f"{protected}.{payload}".encode("ascii")


def protected(alg: str, kid: str, typ: str) -> str:
    """Return a protected header in base64url; it has these three members and no other."""
    return canonical.b64u(canonical.encode({"alg": alg, "kid": kid, "typ": typ}))


def write(payload: str, signatures: Iterable[Entry]) -> bytes:
    """Return the statement as one line of ASCII without LF: its own RFC 8785 form."""
    entries = [(entry.protected, canonical.b64u(entry.signature)) for entry in signatures]
    return _spelled(payload, entries)


def _spelled(payload: str, entries: Iterable[tuple[str, str]]) -> bytes:
    """Return the one spelling of parts that are base64url: nothing in them is ever escaped."""
    signatures = ",".join(
        f'{{"protected":"{protected}","signature":"{signature}"}}'
        for protected, signature in entries
    )
    return f'{{"payload":"{payload}","signatures":[{signatures}]}}'.encode("ascii")


def read(data: bytes) -> Outer:
    """Read the outer object and the headers strictly; `data` must be in its one spelling.

    Raises:
        StatementNotAcceptable: in step 2, the outer object; in step 4, a protected header.
    """
    try:
        outer = canonical.loads(data, limit=len(data), depth=3)
        payload, entries = _parts(outer)
        canonical.unb64u(payload)
        signed = [(text, canonical.unb64u(text), canonical.unb64u(raw)) for text, raw in entries]
    except Malformed:
        raise StatementNotAcceptable(step=2) from None
    if _spelled(payload, entries) != data:
        raise StatementNotAcceptable(step=2)
    return Outer(payload, tuple(_entry(text, header, raw) for text, header, raw in signed))


def _parts(outer: Any) -> tuple[str, Sequence[tuple[str, str]]]:
    payload, signatures = _members(outer, "payload", "signatures")
    if not isinstance(payload, str) or not isinstance(signatures, list):
        raise Malformed("not a JWS in General JSON Serialization")
    if not 0 < len(signatures) <= LARGEST_NUMBER:
        raise Malformed("too few or too many signatures")
    entries = [_members(entry, "protected", "signature") for entry in signatures]
    if not all(isinstance(text, str) for entry in entries for text in entry):
        raise Malformed("not a signature of a JWS")
    return payload, entries


def _members(value: Any, first: str, second: str) -> tuple[Any, Any]:
    if not isinstance(value, dict) or value.keys() != {first, second}:
        raise Malformed("not exactly the members of a JWS")
    return value[first], value[second]


def _entry(text: str, raw_header: bytes, signature: bytes) -> Entry:
    try:
        header = canonical.loads(raw_header, limit=LARGEST_HEADER, depth=1)
    except (Malformed, TooLarge):
        raise StatementNotAcceptable(step=4) from None
    if (
        not isinstance(header, dict)
        or header.keys() != {"alg", "kid", "typ"}
        or not all(isinstance(value, str) for value in header.values())
    ):
        raise StatementNotAcceptable(step=4)
    return Entry(header["alg"], header["kid"], header["typ"], text, signature)
