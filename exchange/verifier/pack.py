"""Writing an export: a folder or a tar that is there as a whole or not at all.

The files come one after the other and are gone from memory as soon as they are written; what
remains of each is its line in `SHA256SUMS`.
"""

import os
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from exchange.canonical import sha256_hex
from exchange.durable import move_durably, partial_name, sync_directory
from exchange.errors import Conflict
from exchange.verifier.archive import END, Member, packed

SUMS: Final = "SHA256SUMS"
"""Last file of an export: digests of all others, as `sha256sum -c` reads them."""
TAR: Final = ".tar"
PIECE: Final = 64 * 1024
"""Bytes of a tar that leave at once."""


async def pack(out: Path, members: AsyncGenerator[Member, None]) -> None:
    """Write an export; it gets its name when everything in it is durable.

    Args:
        out: a folder, or a file ending in `.tar`; it must not exist.
        members: its files, each once. They are closed, whatever happens.

    Raises:
        Conflict: it exists.
        OSError: disk full, input or output error.
        whatever the making of the files raises; then nothing is written.
    """
    write = _to_tar if out.suffix == TAR else _to_folder
    async with aclosing(members):
        with _whole_or_not(out) as partial:
            await write(partial, members)


@contextmanager
def _whole_or_not(out: Path) -> Iterator[Path]:
    if out.exists():
        raise Conflict(f"{out} exists already")
    partial = partial_name(out)
    try:
        yield partial
        # A crash before this leaves a hidden remainder that nobody reads; after it, the export.
        move_durably(partial, out)
    except BaseException:
        _remove(partial)
        raise


async def tar_of(members: AsyncGenerator[Member, None]) -> AsyncGenerator[bytes, None]:
    """Yield an export as a tar, piece by piece; it ends only if all of it was made.

    Args:
        members: its files, each once. They are closed, whatever happens.
    """
    waiting = bytearray()
    async with aclosing(_summed(members)) as files:
        async for name, content in files:
            waiting += packed(name, content)
            while len(waiting) >= PIECE:
                yield bytes(waiting[:PIECE])
                del waiting[:PIECE]
    yield bytes(waiting) + END


async def _summed(members: AsyncGenerator[Member, None]) -> AsyncGenerator[Member, None]:
    sums = bytearray()
    async with aclosing(members):
        async for name, content in members:
            sums += f"{sha256_hex(content)}  {name}\n".encode()
            yield name, content
    yield SUMS, bytes(sums)


async def _to_tar(out: Path, members: AsyncGenerator[Member, None]) -> None:
    with _made(out) as target:
        async with aclosing(tar_of(members)) as pieces:
            async for piece in pieces:
                target.write(piece)
        _sync(target)


async def _to_folder(out: Path, members: AsyncGenerator[Member, None]) -> None:
    folder = _Folder(out)
    async with aclosing(_summed(members)) as files:
        async for name, content in files:
            folder.add(name, content)
    folder.end()


class _Folder:
    """An export as a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders = {root}
        root.mkdir(mode=0o700)

    def add(self, name: str, content: bytes) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._folders.update(self._root / above for above in Path(name).parents)
        with _made(path) as target:
            target.write(content)
            _sync(target)

    def end(self) -> None:
        for folder in self._folders:
            sync_directory(folder)


def _made(path: Path) -> BinaryIO:
    """Make a file that only its owner may read; one of this name is an error."""
    return os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb"
    )


def _sync(target: BinaryIO) -> None:
    target.flush()
    os.fsync(target.fileno())


def _remove(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)
