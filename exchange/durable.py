"""Files that survive a power cut: written, synced, and only then known by their name.

Order is everything: the content is synced before anybody reads the name, the directory after. A
failed sync is final, because the kernel may have dropped the pages: delete, fail, never sync again.
Never overwrites unless asked to, never leaves a half-written file under a name that is read.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from exchange.errors import TooLarge

PIECE = 1024 * 1024
"""Bytes gathered before a thread is asked to write them: one hop per MiB, two MiB of memory."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def write_bytes_durably(
    path: Path, data: bytes, *, mode: int = 0o600, replace: bool = False
) -> None:
    """Write `data` to `path`; durable when it returns.

    Before, and after an error, the name does not exist, or with `replace` still is the old file
    (after a failed sync of the directory it is one of the two, whole).

    Args:
        path: in a directory that exists.
        data: the whole content.
        mode: permissions of the new file, whatever the umask.
        replace: whether an existing file is replaced, at once and as a whole.

    Raises:
        FileExistsError: the name is taken and `replace` is false.
        OSError: disk full, input or output error.
    """
    partial = partial_name(path)
    try:
        fd = os.open(partial, _NEW, mode)
        try:
            os.fchmod(fd, mode)  # not by its name: in a shared folder that may be a link by then
            _write(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        _name(partial, path, replace=replace)
    finally:
        partial.unlink(missing_ok=True)
    # Synced content, and a name that may still be lost: a crash here is a file that never was.
    try:
        sync_directory(path.parent)
    except OSError:
        if not replace:
            path.unlink(missing_ok=True)
        raise


async def write_durably(
    target: Path, chunks: AsyncIterator[bytes], *, limit: int, mode: int = 0o600
) -> tuple[str, int]:
    """Write `chunks` to `target`, create-only, and return its SHA-256 (hex) and size in bytes.

    On return it survives a power cut; after an error the name does not exist. A crash leaves a
    part of it under this name, so the name has to be one that nobody knows before the return: a
    random one that a row names afterwards. Renaming would cost a second commit of the file
    system. Memory is bounded by two pieces: one is gathered while the other is written.

    Raises:
        TooLarge: more than `limit` bytes arrived.
        FileExistsError: the name is taken.
        OSError: disk full, input or output error.
    """
    writing = _Writing(target, mode)
    in_thread = asyncio.get_running_loop().run_in_executor
    size, gathered, waiting = 0, 0, list[bytes]()
    step: asyncio.Future[None] | None = None
    kept = False
    try:
        async for chunk in chunks:
            size = _counted(size + len(chunk), limit)
            waiting.append(chunk)
            gathered += len(chunk)
            if gathered >= PIECE:
                if step is not None:
                    await asyncio.shield(step)
                step = in_thread(None, writing.append, waiting)
                gathered, waiting = 0, []
        if step is not None:
            await asyncio.shield(step)
        step = in_thread(None, writing.finish, waiting)  # of a small file the only hop
        await asyncio.shield(step)
        kept = True
    finally:
        if not kept:
            await _end(step)  # a thread cannot be cancelled: let it end before the file goes
            writing.abandon()
    return writing.digest.hexdigest(), size


async def _end(step: "asyncio.Future[None] | None") -> None:
    if step is not None:
        await asyncio.wait({step})
        step.exception()


class _Writing:
    """A file on its way; its methods run in threads, one after the other."""

    def __init__(self, target: Path, mode: int) -> None:
        self.digest = hashlib.sha256()
        self._target = target
        self._mode = mode
        self._fd: int | None = None
        self._made = False

    def append(self, chunks: Sequence[bytes]) -> None:
        """Hash and write some chunks; the first call makes the file."""
        if self._fd is None:
            self._fd = os.open(self._target, _NEW, self._mode)
            self._made = True
        for chunk in chunks:
            self.digest.update(chunk)
            _write(self._fd, chunk)

    def finish(self, chunks: Sequence[bytes]) -> None:
        """Write the rest, sync the file and then its directory."""
        self.append(chunks)
        if self._fd is None:
            raise AssertionError("append has made the file")
        os.fsync(self._fd)
        os.close(self._fd)
        self._fd = None
        # The content is durable, its name may be lost in a crash; nobody was told of it yet.
        sync_directory(self._target.parent)

    def abandon(self) -> None:
        """Close and remove what is there; nothing was promised about it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._made:
            self._target.unlink(missing_ok=True)


def move_durably(source: Path, target: Path) -> None:
    """Give a durable file or directory another place on the same file system, durably.

    A crash in between leaves it at the one place or the other, never at both or none.
    An existing file at `target` is replaced.
    """
    source.rename(target)
    sync_directory(target.parent)
    if source.parent != target.parent:
        sync_directory(source.parent)


def name_durably(written: Path, target: Path) -> None:
    """Give a durable file its name, create-only; durable when it returns.

    A crash in between leaves it under the old name, the new one or both, each time whole.

    Raises:
        FileExistsError: the name is taken; the file under the old name is gone.
        OSError: input or output error.
    """
    try:
        os.link(written, target)
    finally:
        written.unlink(missing_ok=True)
    sync_directory(target.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable. A new directory needs it in its own parent too."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_directory(directory: Path, *, mode: int = 0o700) -> None:
    """Make `directory` and what is missing above it, durably; one that exists is left alone."""
    if directory.is_dir():
        return
    make_directory(directory.parent, mode=mode)
    directory.mkdir(mode=mode, exist_ok=True)
    sync_directory(directory.parent)


def partial_name(path: Path) -> Path:
    """Return a fresh name for the unfinished `path`: beside it, hidden, swept after a day."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def _counted(size: int, limit: int) -> int:
    if size > limit:
        raise TooLarge(f"more than {limit} bytes")
    return size


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:  # one call may write a part only
        view = view[os.write(fd, view) :]


def _name(partial: Path, path: Path, *, replace: bool) -> None:
    if replace:
        partial.replace(path)
    else:
        os.link(partial, path)  # FileExistsError instead of overwriting
        partial.unlink()
