"""The header of an age v1 file: who can unwrap the file key (C2SP `age`).

Parses and writes without any key; `verify_mac` needs the file key. Reading is bounded and
strict: what is accepted has one spelling.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from exchange.envelope.age.encoding import b64, hkdf, unb64
from exchange.errors import HeaderMacWrong, HeaderMalformed

LARGEST = 64 * 1024
"""Bytes of a header at most; 32 hybrid recipients take 49,894."""
FILE_KEY_SIZE = 16
"""Bytes of a file key (C2SP age)."""

_VERSION = b"age-encryption.org/v1\n"
_STANZA = b"-> "
_MAC = b"--- "
_MAC_SIZE = 32
_MAC_LINE_SIZE = len(_MAC) + 43 + 1
_COLUMNS = 64
_ARGUMENTS = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n")


@dataclass(frozen=True, slots=True)
class Stanza:
    """The file key as one recipient can unwrap it."""

    arguments: tuple[bytes, ...]
    """The type and what it needs; never empty, each of printable ASCII without spaces."""
    body: bytes

    def encode(self) -> bytes:
        """Return the lines of the stanza; the last one is shorter than 64 columns."""
        text = b64(self.body)
        lines = [text[at : at + _COLUMNS] for at in range(0, len(text) + 1, _COLUMNS)]
        return b"".join([_STANZA, b" ".join(self.arguments), b"\n", *(b"%b\n" % x for x in lines)])


@dataclass(frozen=True, slots=True)
class Header:
    """A header whose form is right; its MAC is not yet verified."""

    stanzas: tuple[Stanza, ...]
    """Never empty."""
    mac: bytes
    """32 bytes."""
    raw: bytes = field(repr=False)
    """The exact bytes, from the version line to the line feed of the MAC line."""


class Recipient(Protocol):
    """Somebody a file key can be wrapped to."""

    def wrap(self, file_key: bytes) -> Stanza:
        """Return the stanza that lets this recipient unwrap `file_key` (16 bytes)."""
        ...


class Identity(Protocol):
    """Somebody who may be able to unwrap a file key."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key, or None when no stanza is for this identity.

        Raises:
            HeaderMalformed: a stanza of this identity's type has a wrong form.
        """
        ...


class Source(Protocol):
    """What a header can be read from: every binary stream."""

    def readline(self, size: int, /) -> bytes:
        """Return the next line with its line feed, at most `size` bytes of it."""
        ...


def encode(stanzas: Sequence[Stanza], file_key: bytes) -> bytes:
    """Return the header with its MAC."""
    covered = b"".join([_VERSION, *(stanza.encode() for stanza in stanzas), b"---"])
    return b"%b %b\n" % (covered, b64(_mac(covered, file_key)))


def parse(raw: bytes) -> Header:
    """Return the header that `raw` is, from its first byte to its last.

    Raises:
        HeaderMalformed: anything that the grammar of age v1 does not admit.
    """
    if len(raw) > LARGEST or not raw.startswith(_VERSION):
        raise HeaderMalformed("this is no age v1 header")
    lines = raw[len(_VERSION) :].splitlines(keepends=True) if b"\r" not in raw else []
    *lines, last = lines or [b""]
    if not last.startswith(_MAC) or not last.endswith(b"\n"):
        raise HeaderMalformed("a header does not end with its MAC")
    mac = unb64(last[len(_MAC) : -1])
    if len(mac) != _MAC_SIZE:
        raise HeaderMalformed("the MAC of a header has another size")
    stanzas = _stanzas(lines)
    if not stanzas:
        raise HeaderMalformed("a header names no recipient")
    return Header(stanzas, mac, raw)


def _stanzas(lines: Sequence[bytes]) -> tuple[Stanza, ...]:
    found: list[Stanza] = []
    rest = iter(lines)
    for line in rest:
        opening = _ARGUMENTS.fullmatch(line)
        if opening is None:
            raise HeaderMalformed("a stanza does not begin as it must")
        text = b""
        for part in rest:
            columns = part.removesuffix(b"\n")
            text += columns
            if len(columns) < _COLUMNS:
                break
            if len(columns) > _COLUMNS:
                raise HeaderMalformed("a line of a stanza is too long")
        else:
            raise HeaderMalformed("a stanza does not end")
        found.append(Stanza(tuple(opening[1].split(b" ")), unb64(text)))
    return tuple(found)


def read(source: Source) -> Header:
    """Read a header from `source` and leave it at the first byte of the payload.

    Raises:
        HeaderMalformed: a wrong form, or no end within 64 KiB; never reads more than that.
    """
    raw = source.readline(len(_VERSION))
    while raw.startswith(_VERSION) and len(raw) < LARGEST:
        line = source.readline(LARGEST - len(raw))
        raw += line
        if not line.endswith(b"\n") or line.startswith(_MAC):
            break
    return parse(raw)


def verify_mac(header: Header, file_key: bytes) -> None:
    """Verify that `file_key` is the one this header was made with: it commits to the key.

    Raises:
        HeaderMacWrong: another key, or a changed header.
    """
    covered = header.raw[: len(_MAC) - 1 - _MAC_LINE_SIZE]
    if not hmac.compare_digest(_mac(covered, file_key), header.mac):
        raise HeaderMacWrong


def _mac(covered: bytes, file_key: bytes) -> bytes:
    return hmac.digest(hkdf(file_key, salt=b"", info=b"header"), covered, sha256)


class Splitter:
    """Splits a sealed document into header and payload while it arrives, without any key."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.header: Header | None = None
        """The header as soon as it is complete."""

    def feed(self, arrived: bytes) -> bytes:
        """Take the next bytes; return those that belong to the payload, possibly none.

        Raises:
            HeaderMalformed: the header has a wrong form, or no end within 64 KiB.
        """
        if self.header is not None:
            return arrived
        # Look again only at bytes that could complete the mark; the header may come in drops.
        since = max(len(self._buffer) - _MAC_LINE_SIZE, 0)
        self._buffer += arrived
        mark = self._buffer.find(b"\n" + _MAC, since, LARGEST)
        end = self._buffer.find(b"\n", mark + 1, LARGEST) + 1 if mark >= 0 else 0
        if end:
            self.header = parse(bytes(self._buffer[:end]))
            payload = bytes(self._buffer[end:])
            self._buffer.clear()
            return payload
        if len(self._buffer) >= LARGEST or (0 <= mark < len(self._buffer) - _MAC_LINE_SIZE):
            raise HeaderMalformed("a header does not end as it must, within 64 KiB")
        return b""
