"""Converts a document package into one folder that a person opens by double click."""

import itertools
import os
from collections.abc import Sequence, Set
from pathlib import Path

from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import (
    EVERY_CHARACTER,
    FILES,
    Capabilities,
    Declaration,
    DocumentFile,
    DocumentPackage,
    IntakeFile,
    IntakeFormat,
    Settings,
    hookimpl,
)
from exchange_plugin_folder import index, kinds
from exchange_plugin_folder.sidecar import SIDECAR, sidecar

_PIECE = 1 << 20
"""Bytes copied by one call of the kernel."""


class ReadableFolder:
    """Reads ``files/1``: files a person can read. Source: docs/plugins.md, profile ``files/1``."""

    @property
    def capabilities(self) -> Capabilities:
        """Every file a person can open; no program, no web page, no shortcut, no archive."""
        return Capabilities(
            profiles=frozenset({FILES}),
            media_types=frozenset(kinds.kinds()),
            max_size=1 << 30,
            name_alphabet=EVERY_CHARACTER,
        )

    async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
        """Copy the files under their names and write the index beside them, index first."""
        for file in package.files:
            kinds.check(file)
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
        return [IntakeFile(name) for name in (*written, *(name for name, _ in files))]


def _copy(file: DocumentFile, place: Path) -> None:
    """Copy, never link: the office may change its copy, and ours goes."""
    with file.path.open("rb") as source, place.open("xb") as copy:
        while os.sendfile(copy.fileno(), source.fileno(), None, _PIECE):
            pass
    if place.stat().st_size != file.size:
        raise Malformed("a file has another size than its contents list says")


def _named(files: Sequence[DocumentFile]) -> list[tuple[str, DocumentFile]]:
    """Return each file with its name in the folder: its own, unless the index needs that one."""
    ours = {index.PAGE, index.TABLE, SIDECAR}
    taken = ours | {file.name.casefold() for file in files}
    named = []
    for file in files:
        name = _free(file.name, taken) if file.name.casefold() in ours else file.name
        taken.add(name.casefold())
        named.append((name, file))
    return named


def _free(name: str, taken: Set[str]) -> str:
    """Return `name` with the first number from 2 on that makes it free."""
    stem, ending = Path(name).stem, Path(name).suffix
    numbered = (f"{stem} ({number}){ending}" for number in itertools.count(2))
    return next(name for name in numbered if name.casefold() not in taken)


@hookimpl
def declare_plugin() -> Declaration:
    """Say what this plugin is: it sees documents, and keeps nothing."""
    return Declaration(contract=1, licence="EUPL-1.2", sees_plaintext=True)


@hookimpl
def register_intake_formats(settings: Settings) -> Sequence[IntakeFormat]:
    """Register the one format of this plugin; it has no settings.

    Raises:
        Misconfigured: a setting is given all the same.
    """
    if settings:
        raise Misconfigured("it has no settings")
    return [ReadableFolder()]
