"""Fills a folder: the files under their names, and the index beside them."""

import itertools
import os
from collections.abc import Sequence, Set
from pathlib import Path

from exchange.errors import Malformed
from exchange.hookspecs import DocumentFile, DocumentPackage
from exchange_plugin_folder import index, kinds
from exchange_plugin_folder.sidecar import SIDECAR, sidecar

_PIECE = 1 << 20
"""Bytes copied by one call of the kernel."""


def fill(package: DocumentPackage, target: Path) -> list[str]:
    """Write everything into `target` and return the names, index first.

    Raises:
        Malformed: a file has another size than its contents list says.
    """
    files = _named(package.files)
    for name, file in files:
        _copy(file, target / name)
    written = {
        index.PAGE: index.page(package, files),
        index.TABLE: index.table(package, files),
        SIDECAR: sidecar(package, files),
    }
    for name, content in written.items():
        (target / name).write_bytes(content)
    return [*written, *(name for name, _ in files)]


def _copy(file: DocumentFile, place: Path) -> None:
    """Copy, never link: the office may change its copy, and ours goes."""
    with file.path.open("rb") as source, place.open("xb") as copy:
        while os.sendfile(copy.fileno(), source.fileno(), None, _PIECE):
            pass
    if place.stat().st_size != file.size:
        raise Malformed("a file has another size than its contents list says")


def _named(files: Sequence[DocumentFile]) -> list[tuple[str, DocumentFile]]:
    """Return each file with its name in the folder: its own, with an ending, not hidden.

    Another, if the index needs that one, the ending makes it another file's, or a dot at its
    beginning would hide the file.
    """
    ours = {index.PAGE, index.TABLE, SIDECAR}
    taken = ours | {file.name.casefold() for file in files}
    named = []
    for file in files:
        name = _visible(kinds.name_of(file))
        if name != file.name or name.casefold() in ours:
            name = _free(name, taken)
        taken.add(name.casefold())
        named.append((name, file))
    return named


def _free(name: str, taken: Set[str]) -> str:
    """Return `name`, if it is taken with the first number from 2 on that makes it free."""
    stem, ending = Path(name).stem, Path(name).suffix
    numbered = (f"{stem} ({number}){ending}" for number in itertools.count(2))
    names = itertools.chain([name], numbered)
    return next(name for name in names if name.casefold() not in taken)


def _visible(name: str) -> str:
    """Return `name` with another sign for a dot at its beginning, and of the same length."""
    return f"_{name[1:]}" if name.startswith(".") else name
