"""The bytes of what is signed or hashed: canonical JSON, strict reading, digests, base64url.

The only module that reads or writes JSON (RFC 8785 without floating point) and base64url.
The standard library's readers accept duplicates, NaN, lone surrogates, padding and foreign
characters; none of that may ever decide what a signature covers.
"""

import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, Union

from exchange.errors import Malformed, TooLarge

if TYPE_CHECKING:
    from hashlib import _Hash

Json: TypeAlias = Union[bool, int, str, Sequence["Json"], Mapping[str, "Json"], None]
"""A JSON value without floating point."""

LARGEST_INTEGER = 2**53 - 1
"""Largest integer every JSON reader agrees on (RFC 7493, section 2.2)."""
LONGEST_INTEGER = 17
"""Characters of the longest integer admitted: a sign and 16 digits."""
LARGEST_DEPTH = 8
"""Nesting of arrays and objects in anything we read; no record of ours needs more than six."""

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
"""What is not in the alphabet of base64url becomes something that is in no alphabet."""
_LAST = {1: frozenset[str](), 2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048")}
"""Last characters whose unused bits are zero, by the characters over a multiple of four."""
_PADDING = (b"", b"", b"==", b"=")
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_UUID4 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)
_HEX32 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)


def encode(value: Json) -> bytes:
    """Return the RFC 8785 form of `value`: sorted members, no white space, UTF-8.

    Raises:
        Malformed: a float, an integer beyond 2^53 - 1, a lone surrogate, or not JSON at all.
    """
    try:
        return _ENCODER.encode(_ordered(value)).encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("a string is not valid Unicode") from None


def _ordered(value: Json) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return _bounded(value)
    if isinstance(value, dict | Mapping):
        return {name: _ordered(value[name]) for name in _sorted(value)}
    if isinstance(value, list | tuple):  # bytes are a sequence too, and no JSON
        return [_ordered(part) for part in value]
    raise Malformed(f"{type(value).__name__} has no canonical form")


def _sorted(names: Iterable[str]) -> list[str]:
    try:
        if "".join(names).isascii():
            return sorted(names)
    except TypeError:
        raise Malformed("the name of a member is no text") from None
    # RFC 8785 section 3.2.3: sorted by UTF-16 code units, not by code points.
    return sorted(names, key=lambda name: name.encode("utf-16-be", "surrogatepass"))


def loads(data: bytes, *, limit: int, depth: int = LARGEST_DEPTH) -> Any:
    """Return the JSON value in `data`, read strictly.

    Refuses what `json.loads` lets pass: duplicate members, floats, NaN, integers beyond
    2^53 - 1, other encodings than UTF-8, a byte order mark, lone surrogates, deep nesting.

    Args:
        data: the text as it arrived.
        limit: largest size in bytes.
        depth: largest nesting.

    Raises:
        TooLarge: more than `limit` bytes.
        Malformed: anything else; the text never quotes the input.
    """
    if len(data) > limit:
        raise TooLarge(f"more than {limit} bytes of JSON")
    try:
        text = data.decode("utf-8")
        value = _DECODER.decode(text)
        if depth < text.count("[") + text.count("{"):  # else it cannot be nested deeper
            _check_depth(value, depth)
        if "\\u" in text:  # only an escape can write half a surrogate pair
            _check_text(value)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise Malformed("not JSON in UTF-8") from None
    return value


def _members(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Malformed("a JSON member occurs twice")
        found[name] = value
    return found


def _integer(digits: str) -> int:
    if (
        len(digits) > LONGEST_INTEGER
    ):  # before conversion: its cost grows with the square of the length
        raise Malformed("an integer is too large")
    return _bounded(int(digits))


def _bounded(value: int) -> int:
    if abs(value) > LARGEST_INTEGER:
        raise Malformed("an integer is too large")
    return value


def _refuse(_text: str) -> NoReturn:
    raise Malformed("floating point is not admitted")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_int=_integer,
    parse_float=_refuse,
    parse_constant=_refuse,
)
"""Strict but for depth and halves of surrogate pairs, which `loads` looks at."""


def _check_depth(value: Any, depth: int) -> None:
    if isinstance(value, dict | list):
        if depth == 0:
            raise Malformed("JSON is nested too deeply")
        for part in value.values() if isinstance(value, dict) else value:
            _check_depth(part, depth - 1)


def _check_text(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Malformed("a string is not valid Unicode") from None
    elif isinstance(value, dict | list):
        for part in [*value.keys(), *value.values()] if isinstance(value, dict) else value:
            _check_text(part)


def b64u(data: bytes) -> str:
    """Return unpadded base64url (RFC 4648, section 5)."""
    written = binascii.b2a_base64(data, newline=False).rstrip(b"=")
    return written.translate(_TO_URL).decode("ascii")


def unb64u(text: str, *, size: int | None = None) -> bytes:
    """Return the bytes of unpadded base64url, in its one canonical spelling.

    Args:
        text: only `A-Z a-z 0-9 - _`, unused trailing bits zero.
        size: exact number of bytes expected, if known.

    Raises:
        Malformed: another alphabet, padding, white space, trailing bits or another size.
    """
    over = len(text) % 4
    # Python would ignore non-zero trailing bits: a second spelling of the same bytes.
    if over and text[-1] not in _LAST[over]:
        raise Malformed("not canonical base64url")
    try:
        raw = text.encode("ascii").translate(_FROM_URL) + _PADDING[over]
        data = binascii.a2b_base64(raw, strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Malformed("not unpadded base64url") from None
    if size is not None and len(data) != size:
        raise Malformed(f"expected {size} bytes of base64url")
    return data


def labelled(label: str, *parts: bytes) -> bytes:
    """Return SHA-256(label, LF, parts...), 32 bytes: a digest that has one meaning only.

    The parts have fixed lengths by their label, or there is one of them.
    """
    return _sha256(b"".join((label.encode("ascii"), b"\n", *parts))).digest()


def digest(statement: bytes) -> str:
    """Return the digest of a signed statement: b64u of SHA-256 over its exact bytes, 43 chars."""
    return b64u(_sha256(statement).digest())


def sha256_hex(file: bytes) -> str:
    """Return plain SHA-256 in lowercase hex, as `sha256sum` prints it: the digest of a file."""
    return _sha256(file).hexdigest()


def _sha256(data: bytes) -> "_Hash":
    # Imported here: a worker of a plugin reads JSON and need not wait for OpenSSL.
    from hashlib import sha256  # noqa: PLC0415

    return sha256(data)


def is_digest(text: object) -> bool:
    """Tell whether `text` is 32 bytes in base64url, in its one canonical spelling."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def is_uuid4(text: object) -> bool:
    """Tell whether `text` is a version 4 UUID in lower case (RFC 9562)."""
    return isinstance(text, str) and _UUID4.fullmatch(text) is not None


def is_sha256_hex(text: object) -> bool:
    """Tell whether `text` is 64 lowercase hex digits."""
    return isinstance(text, str) and _HEX32.fullmatch(text) is not None
