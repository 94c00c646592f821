"""Opening age v1 files: pushed, pulled, from file to file, or anywhere in them.

Nothing leaves this module that is not inside a verified chunk. The hub may not import it.
"""

import io
from collections.abc import Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.envelope.age import header, stream
from exchange.envelope.age.encrypt import Readable, Writable, fill, write_all
from exchange.envelope.age.header import Header, Identity, Splitter
from exchange.errors import HeaderMalformed, NoMatch, PayloadDamaged

_SCRYPT = b"scrypt"


class Sealed(Readable, header.Source, Protocol):
    """A sealed file as a binary stream."""


class SeekableSealed(Sealed, Protocol):
    """A sealed file on disk, or in memory."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Go to `offset`; return the position."""
        ...

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer at the end."""
        ...


def unwrap(found: Header, identities: Sequence[Identity]) -> bytes:
    """Return the 16-byte file key of a header and verify that the header belongs to it.

    Raises:
        HeaderMalformed: a stanza has a wrong form, or a passphrase stands beside another stanza.
        NoMatch: none of `identities` opens a stanza.
        HeaderMacWrong: the header was changed, or was not made with this file key.
    """
    if len(found.stanzas) > 1 and any(s.arguments[0] == _SCRYPT for s in found.stanzas):
        raise HeaderMalformed("a passphrase stanza is not alone")
    for identity in identities:
        file_key = identity.unwrap(found.stanzas)
        if file_key is None:
            continue
        if len(file_key) != header.FILE_KEY_SIZE:
            raise HeaderMalformed("a file key has another size")
        header.verify_mac(found, file_key)
        return file_key
    raise NoMatch


class _Chunks:
    """Opens chunks in their order; the one place that decides which may be the last."""

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        if len(nonce) != stream.NONCE_SIZE:
            raise HeaderMalformed("a file ends before its payload begins")
        self._cipher = ChaCha20Poly1305(stream.payload_key(file_key, nonce))
        self._index = 0
        self.ended = False

    def open(self, sealed: memoryview, into: memoryview) -> tuple[int, PayloadDamaged | None]:
        """Open every chunk in `sealed`; return the verified bytes in `into`, and what stopped it.

        A full chunk is tried as one with followers first, then as the last; a short one only as
        the last. Looking ahead instead would release less than others do before the same error.
        """
        opened = 0
        for start in range(0, len(sealed), stream.SEALED_CHUNK_SIZE):
            chunk = sealed[start : start + stream.SEALED_CHUNK_SIZE]
            size = len(chunk) - stream.TAG_SIZE
            if self.ended or size < 0 or (size == 0 and self._index):
                return opened, PayloadDamaged("the payload does not end where it must")
            if not self._open_one(chunk, into[opened : opened + size]):
                return opened, PayloadDamaged()
            opened += size
        return opened, None

    def _open_one(self, chunk: memoryview, into: memoryview) -> bool:
        full = len(chunk) == stream.SEALED_CHUNK_SIZE
        for last in (False, True) if full else (True,):
            try:
                nonce = stream.chunk_nonce(self._index, last=last)
                self._cipher.decrypt_into(nonce, chunk, None, into)
            except InvalidTag:
                continue
            self._index += 1
            self.ended = last
            return True
        # The library leaves the whole plaintext in the buffer although its tag is wrong.
        into[:] = bytes(len(into))
        return False


class Decryptor:
    """Opens a file while it arrives: `update` for every piece, then `finalize`."""

    def __init__(self, identities: Sequence[Identity]) -> None:
        self._identities = identities
        self._splitter = Splitter()
        self._chunks: _Chunks | None = None
        self._sealed = bytearray()
        self._failure: PayloadDamaged | None = None

    def update(self, data: bytes) -> bytes:
        """Take the next bytes; return verified plaintext, possibly nothing.

        Raises:
            Unreadable: of what came before, or of the header. Plaintext that was verified before
                a damaged chunk is returned first; the error follows with the next call.
        """
        if self._failure is not None:
            raise self._failure
        self._sealed += self._splitter.feed(data)
        chunks = self._opened()
        if chunks is None:
            return b""
        whole = len(self._sealed) // stream.SEALED_CHUNK_SIZE * stream.SEALED_CHUNK_SIZE
        return self._release(chunks, whole)

    def finalize(self) -> bytes:
        """Return the last verified plaintext.

        Raises:
            Unreadable: the file is damaged, or not at its end.
        """
        chunks = self._opened()
        if chunks is None:
            raise HeaderMalformed("a file ends before its payload begins")
        rest = self._release(chunks, len(self._sealed)) if self._failure is None else b""
        if self._failure is not None:
            raise self._failure
        if not chunks.ended:
            raise PayloadDamaged("the payload does not end where it must")
        return rest

    def _opened(self) -> _Chunks | None:
        found = self._splitter.header
        if self._chunks is None and found is not None:
            if self._identities:
                self._file_key = unwrap(found, self._identities)
                self._identities = ()
            if len(self._sealed) >= stream.NONCE_SIZE:
                self._chunks = _Chunks(self._file_key, bytes(self._sealed[: stream.NONCE_SIZE]))
                del self._sealed[: stream.NONCE_SIZE]
        return self._chunks

    def _release(self, chunks: _Chunks, size: int) -> bytes:
        plain = bytearray(size)
        with memoryview(self._sealed) as sealed, memoryview(plain) as into:
            opened, self._failure = chunks.open(sealed[:size], into)
        del self._sealed[:size]
        return bytes(plain[:opened])


class DecryptingReader(io.RawIOBase):
    """The plaintext of a sealed file as a stream. Memory is two batches."""

    def __init__(
        self,
        source: Sealed,
        identities: Sequence[Identity],
        *,
        found: Header | None = None,
        batch: int = stream.BATCH,
    ) -> None:
        """Read and verify the header.

        Args:
            source: the sealed file, or its payload alone.
            identities: who may open it.
            found: the header, if it lies elsewhere than before the payload.
            batch: chunks read at once.

        Raises:
            Unreadable: see `unwrap`.
        """
        super().__init__()
        self._source = source
        file_key = unwrap(header.read(source) if found is None else found, identities)
        nonce = bytearray(stream.NONCE_SIZE)
        size = fill(source, memoryview(nonce))
        self._chunks = _Chunks(file_key, bytes(nonce[:size]))
        self._sealed = memoryview(bytearray(batch * stream.SEALED_CHUNK_SIZE))
        self._plain = memoryview(bytearray(batch * stream.CHUNK_SIZE))
        self._verified = self._plain[:0]
        self._failure: PayloadDamaged | None = None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: "memoryview | bytearray", /) -> int:  # type: ignore[override]  # both are buffers
        """Fill `buffer` with verified plaintext; return how many bytes, 0 after the last chunk.

        Raises:
            PayloadDamaged: the next chunk does not verify, or the file does not end here.
        """
        if not self._verified:
            self._verified = self.next_batch()
        size = min(len(buffer), len(self._verified))
        buffer[:size] = self._verified[:size]
        self._verified = self._verified[size:]
        return size

    def next_batch(self) -> memoryview:
        """Return the next verified plaintext, valid until the next call; empty after the last.

        Raises:
            PayloadDamaged: the next chunk does not verify, or the file does not end here.
        """
        if self._failure is not None:
            raise self._failure
        size = fill(self._source, self._sealed)
        if not size and not self._chunks.ended:
            raise PayloadDamaged("the payload does not end where it must")
        opened, self._failure = self._chunks.open(self._sealed[:size], self._plain)
        if self._failure is not None and not opened:
            raise self._failure
        return self._plain[:opened]

    def drain(self) -> int:
        """Read to the end of the file, which only then is known to be whole; return the bytes."""
        drained = len(self._verified)
        while batch := self.next_batch():
            drained += len(batch)
        self._verified = self._plain[:0]
        return drained


def decrypt_file(
    source: Sealed,
    target: Writable,
    identities: Sequence[Identity],
    *,
    batch: int = stream.BATCH,
) -> int:
    """Open everything in `source` into `target`; return the bytes of plaintext.

    Raises:
        Unreadable: then `target` may hold a verified beginning, which the caller discards.
    """
    reader = DecryptingReader(source, identities, batch=batch)
    size = 0
    while plain := reader.next_batch():
        write_all(target, plain)
        size += len(plain)
    return size


class RandomAccess:
    """Verified plaintext anywhere in a seekable sealed file."""

    def __init__(self, source: SeekableSealed, identities: Sequence[Identity]) -> None:
        """Read the header and verify the last chunk, without which no length is authentic.

        Raises:
            Unreadable: see `unwrap`; PayloadDamaged also where the file was cut or extended.
        """
        self._source = source
        found = header.read(source)
        file_key = unwrap(found, identities)
        nonce = source.read(stream.NONCE_SIZE)
        if len(nonce) != stream.NONCE_SIZE:
            raise HeaderMalformed("a file ends before its payload begins")
        self._cipher = ChaCha20Poly1305(stream.payload_key(file_key, nonce))
        self._start = len(found.raw) + stream.NONCE_SIZE
        size = stream.plaintext_size(source.seek(0, io.SEEK_END) - len(found.raw))
        if size is None:
            raise PayloadDamaged("no payload has this size")
        self.size = size
        """Bytes of the plaintext."""
        self._last = max(size - 1, 0) // stream.CHUNK_SIZE
        self._chunk(self._last)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return the plaintext from `offset`, at most `size` bytes of it, as a slice would.

        Raises:
            PayloadDamaged: a chunk in that range does not verify.
        """
        end = min(offset + size, self.size)
        if offset >= end:
            return b""
        first = offset // stream.CHUNK_SIZE
        within = range(first, (end - 1) // stream.CHUNK_SIZE + 1)
        opened = b"".join(self._chunk(index) for index in within)
        begin = first * stream.CHUNK_SIZE
        return opened[offset - begin : end - begin]

    def _chunk(self, index: int) -> bytes:
        self._source.seek(self._start + index * stream.SEALED_CHUNK_SIZE)
        sealed = self._source.read(stream.SEALED_CHUNK_SIZE)
        try:
            return self._cipher.decrypt(
                stream.chunk_nonce(index, last=index == self._last), sealed, None
            )
        except InvalidTag:
            raise PayloadDamaged from None
