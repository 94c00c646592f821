"""Armor: an age file as text (C2SP `age`; strict PEM). For key files, never for documents."""

import base64
import re

from exchange.errors import ArmorMalformed

_BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
_END = b"-----END AGE ENCRYPTED FILE-----"
_COLUMNS = 64
_LINE = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


def armor(sealed: bytes) -> bytes:
    """Return an age file as lines of 64 columns between the two markers."""
    text = base64.b64encode(sealed)
    lines = [text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)]
    return b"".join(b"%b\n" % line for line in (_BEGIN, *lines, _END))


def is_armored(data: bytes) -> bool:
    """Tell whether `data` looks like armor rather than like an age file."""
    return data.lstrip().startswith(b"-----BEGIN")


def dearmor(data: bytes) -> bytes:
    """Return the age file in `data`.

    Raises:
        ArmorMalformed: other markers, line lengths or characters, base64 that is not canonical,
            or anything but white space around it.
    """
    lines = data.strip(b" \t\r\n").replace(b"\r\n", b"\n").split(b"\n")
    first, *body, last = lines if len(lines) > 1 else (b"", b"")
    if (first, last) != (_BEGIN, _END):
        raise ArmorMalformed("the armor does not begin or end as it must")
    if any(len(line) != _COLUMNS for line in body[:-1]) or not all(
        0 < len(line) <= _COLUMNS for line in body[-1:]
    ):
        raise ArmorMalformed("the armor has a line of another length")
    text = b"".join(body)
    if len(text) % 4 or _LINE.fullmatch(text) is None:
        raise ArmorMalformed("the armor has characters that are not base64")
    sealed = base64.b64decode(text)
    if base64.b64encode(sealed) != text:
        raise ArmorMalformed("the armor has base64 that is not canonical")
    return sealed
