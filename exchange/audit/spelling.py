"""How numbers and bytes are written in the files of a log: one spelling each, all others refused.

Pure. C2SP formats are read by people and by programs in many languages; what two readers take
for two different things must not be written at all.
"""

import binascii
import re

from exchange.errors import Malformed

LARGEST_NUMBER = 2**63 - 1
"""Largest size, index or time: what a signed 64-bit integer holds."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def read_number(text: str) -> int:
    """Return the number written in ASCII digits without leading zeros.

    Never a bare `int`, which takes signs, spaces, underscores and the digits of other scripts.

    Raises:
        Malformed: another spelling, or beyond `LARGEST_NUMBER`.
    """
    if _NUMBER.fullmatch(text) is None:
        raise Malformed("a number is written in ASCII digits without leading zeros")
    number = int(text)
    if number > LARGEST_NUMBER:
        raise Malformed("a number is too large")
    return number


def write_base64(raw: bytes) -> str:
    """Return standard base64 with padding (RFC 4648, section 4)."""
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def read_base64(text: str, *, size: int | None = None) -> bytes:
    """Return the bytes of standard base64 with padding, in its one canonical spelling.

    Args:
        text: only `A-Z a-z 0-9 + /` and the padding, unused trailing bits zero.
        size: exact number of bytes expected, if known.

    Raises:
        Malformed: another spelling or another size.
    """
    try:
        raw = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Malformed("not base64") from None
    if write_base64(raw) != text:  # trailing bits that are not zero are ignored by the library
        raise Malformed("not canonical base64")
    if size is not None and len(raw) != size:
        raise Malformed(f"expected {size} bytes of base64")
    return raw
