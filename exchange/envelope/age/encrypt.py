"""Sealing bytes into an age v1 file: pushed while they arrive, or from file to file.

Every call makes its own file key and nonce; sealing the same bytes again gives another file.
"""

import os
from collections.abc import Sequence
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.envelope.age import header, stream
from exchange.envelope.age.header import Recipient
from exchange.errors import Malformed


class Readable(Protocol):
    """What bytes can be read from without a copy."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill `buffer` from the start; return how many bytes, 0 at the end."""
        ...


class Writable(Protocol):
    """What bytes can be written to."""

    def write(self, data: memoryview | bytes, /) -> int | None:
        """Write from the start of `data`; return how many bytes were taken."""
        ...


def draw(recipients: Sequence[Recipient]) -> tuple[bytes, bytes, ChaCha20Poly1305]:
    """Draw file key and nonce; return the header, the nonce and the cipher of the chunks.

    Raises:
        Malformed: no recipient, or of different kinds: the file would be as weak as the weakest.
    """
    file_key = os.urandom(header.FILE_KEY_SIZE)
    stanzas = [recipient.wrap(file_key) for recipient in recipients]
    if len({stanza.arguments[0] for stanza in stanzas}) != 1:
        raise Malformed("a file is sealed to recipients of one kind, and at least one")
    nonce = os.urandom(stream.NONCE_SIZE)
    cipher = ChaCha20Poly1305(stream.payload_key(file_key, nonce))
    return header.encode(stanzas, file_key), nonce, cipher


class Encryptor:
    """Seals bytes while they arrive. Holds one chunk, because the last one is marked."""

    def __init__(self, recipients: Sequence[Recipient]) -> None:
        opening, nonce, self._cipher = draw(recipients)
        self._ready = opening + nonce
        self._buffer = bytearray()
        self._index = 0

    def update(self, data: bytes) -> bytes:
        """Take the next bytes; return what of the file is ready, possibly nothing."""
        self._buffer += data
        ready = [self._ready]
        self._ready = b""
        while len(self._buffer) > stream.CHUNK_SIZE:
            ready.append(self._seal(last=False))
        return b"".join(ready)

    def finalize(self) -> bytes:
        """Return the rest of the file."""
        return self.update(b"") + self._seal(last=True)

    def _seal(self, *, last: bool) -> bytes:
        chunk = bytes(self._buffer[: stream.CHUNK_SIZE])
        del self._buffer[: stream.CHUNK_SIZE]
        sealed = self._cipher.encrypt(stream.chunk_nonce(self._index, last=last), chunk, None)
        self._index += 1
        return sealed


def encrypt_file(
    source: Readable,
    target: Writable,
    recipients: Sequence[Recipient],
    *,
    batch: int = stream.BATCH,
) -> int:
    """Seal everything in `source` into `target`; return the bytes of the header.

    Memory is four batches. What was given to a `write` stays as it is until the next `write`
    has returned, so `target` may still hash it in another thread.

    Args:
        source: read to its end.
        target: takes the header first, then nonce and chunks.
        recipients: one or more, of one kind.
        batch: chunks read and written at once.

    Raises:
        Malformed: no recipient, or of different kinds.
    """
    opening, nonce, cipher = draw(recipients)
    write_all(target, opening)
    write_all(target, nonce)
    plain, ahead = (memoryview(bytearray(batch * stream.CHUNK_SIZE)) for _ in range(2))
    sealed, free = (memoryview(bytearray(batch * stream.SEALED_CHUNK_SIZE)) for _ in range(2))
    index = 0
    size = fill(source, plain)
    while True:
        following = fill(source, ahead) if size == len(plain) else 0
        write_all(target, sealed[: _seal(cipher, index, plain[:size], sealed, not following)])
        if not following:
            return len(opening)
        index, size = index + batch, following
        plain, ahead, sealed, free = ahead, plain, free, sealed


def _seal(
    cipher: ChaCha20Poly1305, index: int, plain: memoryview, sealed: memoryview, last: bool
) -> int:
    """Seal the chunks in `plain`, the first of them number `index`; return the sealed bytes."""
    end = max(len(plain), 1)
    written = 0
    for start in range(0, end, stream.CHUNK_SIZE):
        chunk = plain[start : start + stream.CHUNK_SIZE]
        final = last and start + stream.CHUNK_SIZE >= end
        size = len(chunk) + stream.TAG_SIZE
        nonce = stream.chunk_nonce(index + start // stream.CHUNK_SIZE, last=final)
        cipher.encrypt_into(nonce, chunk, None, sealed[written : written + size])
        written += size
    return written


def fill(source: Readable, buffer: memoryview) -> int:
    """Read until `buffer` is full or `source` at its end; return how many bytes."""
    size = 0
    while size < len(buffer) and (read := source.readinto(buffer[size:])):
        size += read
    return size


def write_all(target: Writable, data: memoryview | bytes) -> None:
    """Write every byte of `data`: an unbuffered file may take less at once."""
    view = memoryview(data)
    while view:
        view = view[target.write(view) or 0 :]
