"""Sealing: from files to a sealed document on disk, in two passes and constant memory.

The first pass hashes every file, so that the contents list, the context and the final size are
known; the second writes the package into an age file. Never signs: the caller signs the manifest
once the document is durable. Sealing again gives other bytes, so the file on disk is the unit of
retry. The hub may not import this module.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from exchange.envelope import tarblocks
from exchange.envelope.age.encrypt import Readable, Writable, encrypt_file, fill, write_all
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.envelope.age.stream import BATCH, CHUNK_SIZE, payload_size
from exchange.envelope.contents import Contents, Entry, Letter, new_contents
from exchange.envelope.manifest import Addressee, Context, Terms, header_size, new_context
from exchange.envelope.names import distinct
from exchange.envelope.tarblocks import Layout
from exchange.errors import Malformed
from exchange.keyring.recipient import DocumentRecipient

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes to do, over both passes; called often, from one thread."""

_PIECE_SIZE = 1024 * 1024
_ALONE = 4 * 1024 * 1024  # below this a second thread costs more than it saves


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One file to be sealed."""

    name: str
    """Any name; `normalise_name` makes it one that recipients admit."""
    media_type: str
    source: Path | bytes
    """Where the file lies, or its content. It is read twice and must stay as it is."""
    third_party: bool = False
    """Whether it also tells of other persons, inseparably."""


@dataclass(frozen=True, slots=True)
class SealedDocument:
    """A sealed document that lies on disk, and all that its manifest needs."""

    context: Context
    contents: Contents
    sha256: str
    """Of header and payload together, lowercase hex."""
    size: int
    """Bytes of header and payload together."""
    header_size: int
    """Bytes of it that are the header."""


def seal(
    files: Sequence[Outgoing],
    *,
    terms: Terms,
    recipients: Mapping[str, DocumentRecipient],
    target: Path,
    letter: Letter | None = None,
    progress: Progress | None = None,
) -> SealedDocument:
    """Seal `files` to `recipients` into the new file `target`.

    Durable when it returns; after an error the name does not exist. Blocks: call it in a thread.

    Args:
        files: one or more; their names are normalised and made distinct.
        terms: what the sender states.
        recipients: document keys by agency, 1 to 32.
        target: must not exist; written with mode 0600.
        letter: what is enclosed besides the files.
        progress: told how far it is.

    Raises:
        Malformed: a recipient would refuse it, or a file changed between the passes.
        FileExistsError: `target` exists.
        OSError: a file cannot be read, or `target` not be written.
    """
    sizes = [_size(file) for file in files]
    watched = _Watched(progress or _unwatched, 2 * sum(sizes))
    with _created(target) as file, ThreadPoolExecutor(max_workers=1) as pool:
        large = sum(sizes) > _ALONE
        # The second thread finds room while the first hashes; a full disk is noticed early.
        reserved = pool.submit(os.posix_fallocate, file.fileno(), 0, sum(sizes)) if large else None
        contents = _listed(files, sizes, letter or Letter(), watched)
        if reserved is not None:
            reserved.result()
        addressees = [Addressee(agency, key.fingerprint) for agency, key in recipients.items()]
        context = new_context(terms, addressees, contents.sha256)
        # The header names the recipients in the order of the context.
        keys = [HybridRecipient(recipients[addressee.agency]) for addressee in context.recipients]
        layout = tarblocks.layout(context, contents)
        package = _Package(_parts(layout, files, contents, watched))
        digested = _Digested(file, pool if large else None)
        encrypt_file(package, digested, keys, batch=min(BATCH, -(-layout.size // CHUNK_SIZE)))
        sha256, size = digested.finish()
    return SealedDocument(context, contents, sha256, size, header_size(len(keys)))


def sealed_size(layout: Layout, recipients: int) -> int:
    """Return the bytes of the sealed document with this layout, known before it is sealed."""
    return header_size(recipients) + payload_size(layout.size)


def _unwatched(_done: int, _total: int) -> None:
    """Tell nobody."""


class _Watched:
    """Counts the bytes of both passes for whoever looks at the progress."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self, size: int) -> None:
        self._done += size
        self._progress(self._done, self._total)


def _size(file: Outgoing) -> int:
    if isinstance(file.source, bytes):
        return len(file.source)
    return file.source.stat().st_size


def _opened(file: Outgoing) -> io.BytesIO | io.FileIO:
    if isinstance(file.source, bytes):
        return io.BytesIO(file.source)
    return io.FileIO(file.source)


def _listed(
    files: Sequence[Outgoing], sizes: Sequence[int], letter: Letter, watched: _Watched
) -> Contents:
    """First pass: the SHA-256 of every file."""
    names = distinct(file.name for file in files)
    piece = memoryview(bytearray(min(_PIECE_SIZE, max(sizes, default=0) + 1)))
    entries = []
    for file, name, expected in zip(files, names, sizes, strict=True):
        digest, size = hashlib.sha256(), 0
        with _opened(file) as source:
            while read := fill(source, piece):
                digest.update(piece[:read])
                size += read
                watched.add(read)
        if size != expected:
            raise Malformed("a file changed while it was sealed")
        entries.append(Entry(name, file.media_type, size, digest.hexdigest(), file.third_party))
    return new_contents(entries, letter)


class _Hashed:
    """A file in the second pass, hashed again: it may have changed since the first."""

    def __init__(self, source: io.BytesIO | io.FileIO, entry: Entry, watched: _Watched) -> None:
        self._source = source
        self._expected = entry.sha256
        self._left = entry.size
        self._digest = hashlib.sha256()
        self._watched = watched

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` with the next bytes; at the end, refuse a file that is not the same."""
        size = fill(self._source, buffer[: self._left])
        self._digest.update(buffer[:size])
        self._left -= size
        self._watched.add(size)
        if not size and (
            self._left or self._source.read(1) or self._digest.hexdigest() != self._expected
        ):
            raise Malformed("a file changed while it was sealed")
        return size


class _Zeros:
    """Zero bytes without holding them: the padding of a large package takes megabytes."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` with the next zero bytes."""
        size = min(len(buffer), self._left)
        buffer[:size] = bytes(size)
        self._left -= size
        return size


class _Package:
    """The package as one stream."""

    def __init__(self, parts: Iterator[Readable]) -> None:
        self._parts = parts
        self._part: Readable = io.BytesIO()

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` with the next bytes of the package; return how many, 0 at the end."""
        while not (size := self._part.readinto(buffer)):
            following = next(self._parts, None)
            if following is None:
                return 0
            self._part = following
        return size


def _parts(
    layout: Layout, files: Sequence[Outgoing], contents: Contents, watched: _Watched
) -> Iterator[Readable]:
    yield io.BytesIO(layout.before)
    for file, entry, (head, _, zeros) in zip(files, contents.files, layout.files, strict=True):
        yield io.BytesIO(head)
        with _opened(file) as source:
            yield _Hashed(source, entry, watched)
        yield io.BytesIO(zeros)
    yield _Zeros(layout.tail)


@contextmanager
def _created(target: Path) -> Iterator[io.FileIO]:
    """Give a new file; durable after the block, gone if the block fails."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(target, flags, 0o600)
    with ExitStack() as undo:
        undo.callback(target.unlink, missing_ok=True)
        with io.FileIO(descriptor, "wb") as file:
            yield file
            # A crash from here on leaves a whole document, before it a beginning without a
            # manifest; either is swept by the gateway, which seals again under a new name.
            os.fsync(descriptor)
        _sync_directory(target.parent)
        undo.pop_all()


class _Digested:
    """A file that is written and hashed in a second thread, where there is one.

    SHA-256, the cipher and the kernel all work without the interpreter's lock, so this runs
    beside the reading and sealing of the next batch.
    """

    def __init__(self, file: Writable, pool: ThreadPoolExecutor | None) -> None:
        self._file = file
        self._pool = pool
        self._digest = hashlib.sha256()
        self._size = 0
        self._before: Future[None] | None = None

    def write(self, data: memoryview | bytes, /) -> int:
        """Take all of `data`; when this returns, what was given before it is on its way to disk."""
        self._wait()
        if self._pool is None:
            self._append(data)
        else:
            self._before = self._pool.submit(self._append, data)
        return len(data)

    def finish(self) -> tuple[str, int]:
        """Return SHA-256 in lowercase hex, and the size, of all that was written."""
        self._wait()
        return self._digest.hexdigest(), self._size

    def _wait(self) -> None:
        if self._before is not None:
            self._before.result()

    def _append(self, data: memoryview | bytes) -> None:
        write_all(self._file, data)
        self._digest.update(data)
        self._size += len(data)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
