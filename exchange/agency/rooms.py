"""The room of a worker: its files put in, what it wrote taken out, everything cleared.

What lies in `out` was written by foreign code: it is copied, never moved, because the writer may
still hold it open; never followed, because it may be a link; never larger than predicted.
"""

import asyncio
import os
import secrets
import shutil
import stat
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from exchange.agency import job
from exchange.agency.threads import SHORT
from exchange.durable import sync_directory
from exchange.envelope.names import normalise_name
from exchange.errors import Quarantined
from exchange.hookspecs import EVERY_CHARACTER

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE = 1 << 20
"""Bytes copied by one call of the kernel."""

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns in a thread; if the caller is cancelled, wait for it first.

    A thread cannot be cancelled: without the wait it would go on writing behind our back.
    """
    loop = asyncio.get_running_loop()
    return await whole(loop.run_in_executor(None, partial(work, *args, **kwargs)))


async def briefly(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns; in a thread when it concerns more than `threads.SHORT` bytes.

    For linking, copying and removing; whatever syncs belongs into a thread at any size.
    """
    if size <= SHORT:
        return work(*args, **kwargs)
    return await in_thread(work, *args, **kwargs)


async def whole(work: Awaitable[T]) -> T:
    """Return what `work` returns; if the caller is cancelled, let it end first."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def make(root: Path) -> Path:
    """Make the room of a new worker in `root` and return it."""
    room = root / secrets.token_hex(8)
    for folder in (room, job.folder_in(room), job.folder_out(room)):
        folder.mkdir(mode=0o700)
    return room


def furnish(room: Path, files: Sequence[tuple[str, Path]], *, copy: bool) -> None:
    """Put the files of one document into `in`.

    Args:
        room: empty.
        files: names, flat and unique, and where the content of each lies.
        copy: copy even where a second name would do: this kernel cannot keep the worker from
            writing to what it may read.
    """
    for name, path in files:
        place = job.folder_in(room) / name
        if copy or not _linked(path, place):
            shutil.copyfile(path, place)


def _linked(path: Path, place: Path) -> bool:
    try:
        os.link(path, place, follow_symlinks=False)
    except OSError:  # another file system, one without links, or a file without a name
        return False
    return True


def clear(room: Path) -> None:
    """Remove every file of the document from the room; the worker keeps its two folders."""
    empty(job.folder_in(room))
    empty(job.folder_out(room))


def remove(room: Path) -> None:
    """Remove a room; no worker may live in it any more."""
    if room.exists():
        empty(room)
        room.rmdir()


def empty(folder: Path) -> None:
    """Remove whatever is in `folder`, however much and however deep, without following a link."""
    top = os.open(folder, _FOLDER)
    try:
        while _flattened(top):
            pass
    finally:
        os.close(top)


def _flattened(top: int) -> bool:
    """Remove what is in a folder, but for what its folders hold; tell whether there was any.

    Their content moves one floor up, so that no depth is too deep.
    """
    folders = False
    with os.scandir(top) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.name, dir_fd=top)
                continue
            folders = True
            inside = os.open(entry.name, _FOLDER, dir_fd=top)
            try:
                _move_up(inside, top)
            finally:
                os.close(inside)
            os.rmdir(entry.name, dir_fd=top)
    return folders


def _move_up(inside: int, top: int) -> None:
    with os.scandir(inside) as entries:
        for entry in entries:
            os.rename(entry.name, secrets.token_hex(16), src_dir_fd=inside, dst_dir_fd=top)


def take(
    room: Path, names: Sequence[str], target: Path, *, alphabet: str, most_files: int, most: int
) -> None:
    """Copy what the worker wrote, exactly `names`, into `target`.

    Durable when it returns, the name of `target` included.

    Args:
        room: the worker's.
        names: what the worker says it wrote, in the order of import.
        target: folder of ours; what another worker's attempt has left there is removed.
        alphabet: characters that names may have, of the format's capabilities.
        most_files: largest number of files.
        most: largest number of bytes, of one file and of all.

    Raises:
        Quarantined: `output-count`, `output-unnamed`, `output-name`, `output-kind`,
            `output-size`.
    """
    empty(target)
    with ExitStack() as opened:
        out, into = (_opened(folder, opened) for folder in (job.folder_out(room), target))
        _check_listing(out, names, most_files)
        _check_names(names, alphabet)
        left = most
        for name in names:
            left -= _copy(out, into, name, left)
        os.fsync(into)
    sync_directory(target.parent)


def _opened(folder: Path, opened: ExitStack) -> int:
    descriptor = os.open(folder, _FOLDER)
    opened.callback(os.close, descriptor)
    return descriptor


def _check_listing(out: int, names: Sequence[str], most_files: int) -> None:
    if not 0 < len(names) <= most_files or len(set(names)) != len(names):
        raise Quarantined("output-count")
    found = set[str]()
    with os.scandir(out) as entries:
        for entry in entries:  # stops at the bound, whatever is there
            found.add(entry.name)
            if len(found) > most_files:
                raise Quarantined("output-count")
    if found != set(names):
        raise Quarantined("output-unnamed")


def _check_names(names: Sequence[str], alphabet: str) -> None:
    for name in names:
        if normalise_name(name) != name:
            raise Quarantined("output-name")
        if alphabet != EVERY_CHARACTER and not set(name) <= set(alphabet):
            raise Quarantined("output-name")
    if len({name.casefold() for name in names}) != len(names):
        raise Quarantined("output-name")


def _copy(out: int, into: int, name: str, most: int) -> int:
    """Copy one plain file of at most `most` bytes and sync it; return its size."""
    try:
        source = os.open(name, _OLD, dir_fd=out)
    except OSError:
        raise Quarantined("output-kind") from None
    try:
        status = os.fstat(source)
        if not stat.S_ISREG(status.st_mode):
            raise Quarantined("output-kind")
        if status.st_size > most:
            raise Quarantined("output-size")
        copy = os.open(name, _NEW, 0o600, dir_fd=into)
        try:
            size = 0
            while sent := os.sendfile(copy, source, None, min(_PIECE, most - size + 1)):
                size += sent
                if size > most:  # it has grown since: the writer is still there
                    raise Quarantined("output-size")
            os.fsync(copy)
        finally:
            os.close(copy)
    finally:
        os.close(source)
    return size
