"""Opening a sealed document: steps 11 to 14 of the recipient's order of verification.

Runs in the gateway only, after everything that needs no key: signatures, consent, decision. The
hub may not import it. What it raises is one word outside: unreadable.
"""

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from exchange.envelope.age import header as age_header
from exchange.envelope.age.decrypt import DecryptingReader, SeekableSealed
from exchange.envelope.age.encrypt import fill
from exchange.envelope.age.header import Header
from exchange.envelope.age.hybrid import HybridIdentity
from exchange.envelope.age.stream import BATCH, SEALED_CHUNK_SIZE
from exchange.envelope.contents import Contents
from exchange.envelope.manifest import Manifest, check_header
from exchange.envelope.package import OpenedFile, read_package
from exchange.errors import Malformed, Unreadable
from exchange.keyring.decryption import DocumentKey

_PIECE_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened document: everything in it is what the sender signed."""

    contents: Contents
    files: tuple[OpenedFile, ...]
    """In the order of the contents list; never empty."""


def open_sealed(
    header: bytes, payload: SeekableSealed, manifest: Manifest, key: DocumentKey, into: Path
) -> Opened:
    """Open a sealed document into the folder `into`.

    Blocks: call it in a thread. The files are not durable: until the document is handed on, the
    sealed one is what survives a crash, and it is opened again.

    Args:
        header: as it was collected.
        payload: as it was fetched; seekable, read twice from its start.
        manifest: whose statement the caller has verified, with consent and times.
        key: the document key that the manifest names for this agency.
        into: empty folder, mode 0700, of this disclosure alone; empty again after an error.

    Raises:
        Unreadable: header, payload or package are not what the manifest says, or `key` does not
            open it.
        FileExistsError: `into` is not empty.
    """
    if any(into.iterdir()):
        raise FileExistsError("a document is opened into an empty folder")
    found = _checked_header(header, manifest)
    _check_digest(header, payload, manifest)
    payload.seek(0)
    batch = min(BATCH, -(-manifest.payload_size // SEALED_CHUNK_SIZE))
    with ExitStack() as undo:
        undo.callback(_empty, into)
        # Step 12, and step 13 as far as the chunks go.
        source = DecryptingReader(payload, [HybridIdentity(key)], found=found, batch=batch)
        contents, files = read_package(source, manifest.context, into)
        undo.pop_all()
    return Opened(contents, files)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _checked_header(raw: bytes, manifest: Manifest) -> Header:
    """Step 11: the form of the header."""
    found = age_header.parse(raw)
    try:
        check_header(found, len(manifest.context.recipients))
    except Malformed:
        raise Unreadable("the header does not fit the manifest") from None
    return found


def _check_digest(header: bytes, payload: SeekableSealed, manifest: Manifest) -> None:
    """Step 11: size and SHA-256 of header and payload together."""
    digest, size = hashlib.sha256(header), len(header)
    piece = memoryview(bytearray(max(1, min(_PIECE_SIZE, manifest.payload_size))))
    payload.seek(0)
    while read := fill(payload, piece):
        digest.update(piece[:read])
        size += read
        if size > manifest.sealed_size:
            break
    if (size, digest.hexdigest()) != (manifest.sealed_size, manifest.sealed_sha256):
        raise Unreadable("the sealed document is not the one that was signed")
