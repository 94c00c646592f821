"""Writing an export: a folder or a tar that is there as a whole or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from exchange.durable import move_durably, partial_name, sync_directory
from exchange.errors import Conflict
from exchange.verifier.archive import Packing
from exchange.verifier.files import PIECE

SUMS: Final = "SHA256SUMS"
"""Last file of an export: digests of all others, as `sha256sum -c` reads them."""
TAR: Final = ".tar"


class Pack(Protocol):
    """An export being written."""

    def add(self, name: str, content: bytes) -> None:
        """Add one small file."""
        ...

    def add_from(self, name: str, source: BinaryIO) -> None:
        """Add the content of an open file, from its beginning on."""
        ...


@contextmanager
def packing(out: Path) -> Iterator[Pack]:
    """Yield an export to fill; it gets its name when everything in it is durable.

    Args:
        out: a folder, or a file ending in `.tar`; it must not exist.

    Raises:
        Conflict: it exists.
        OSError: disk full, input or output error.
    """
    if out.exists():
        raise Conflict(f"{out} exists already")
    partial = partial_name(out)
    try:
        if out.suffix == TAR:
            with _made(partial) as target:
                with packing_into(target) as tar:
                    yield tar
                _sync(target)
        else:
            folder = _Folder(partial)
            yield folder
            folder.end()
        # A crash before this leaves a hidden remainder that nobody reads; after it, the export.
        move_durably(partial, out)
    except BaseException:
        _remove(partial)
        raise


@contextmanager
def packing_into(target: BinaryIO) -> Iterator[Pack]:
    """Yield an export to fill, as a tar in an open file; the caller says how durable it is."""
    pack = _Tar(target)
    yield pack
    pack.end()


class _Summed:
    """Digests of what was added."""

    def __init__(self) -> None:
        self._sums = dict[str, str]()

    def _note(self, name: str, digest: str) -> None:
        if name in self._sums:
            raise AssertionError("an export has each file once")
        self._sums[name] = digest

    def _sheet(self) -> bytes:
        return "".join(f"{sum_}  {name}\n" for name, sum_ in sorted(self._sums.items())).encode()


class _Folder(_Summed):
    """An export as a folder."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root
        self._folders = {root}
        root.mkdir(mode=0o700)

    def add(self, name: str, content: bytes) -> None:
        self._note(name, hashlib.sha256(content).hexdigest())
        with self._made(name) as target:
            target.write(content)
            _sync(target)

    def add_from(self, name: str, source: BinaryIO) -> None:
        self._note(name, _digest(source))
        with self._made(name) as target:
            shutil.copyfileobj(source, target, PIECE)
            _sync(target)

    def end(self) -> None:
        self.add(SUMS, self._sheet())
        for folder in self._folders:
            sync_directory(folder)

    def _made(self, name: str) -> BinaryIO:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path.parent
        while folder not in self._folders:  # the root is among them
            self._folders.add(folder)
            folder = folder.parent
        return _made(path)


class _Tar(_Summed):
    """An export as a tar."""

    def __init__(self, target: BinaryIO) -> None:
        super().__init__()
        self._tar = Packing(target)

    def add(self, name: str, content: bytes) -> None:
        self._note(name, hashlib.sha256(content).hexdigest())
        self._tar.add(name, content)

    def add_from(self, name: str, source: BinaryIO) -> None:
        size = source.seek(0, os.SEEK_END)
        self._note(name, _digest(source))
        self._tar.add_from(name, source, size)

    def end(self) -> None:
        self._tar.add(SUMS, self._sheet())
        self._tar.end()


def _made(path: Path) -> BinaryIO:
    """Make a file that only its owner may read."""
    return os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb"
    )


def _sync(target: BinaryIO) -> None:
    target.flush()
    os.fsync(target.fileno())


def _digest(source: BinaryIO) -> str:
    """Return the digest of an open file, and leave it at its beginning."""
    source.seek(0)
    hashed = hashlib.sha256()
    while chunk := source.read(PIECE):
        hashed.update(chunk)
    source.seek(0)
    return hashed.hexdigest()


def _remove(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)
