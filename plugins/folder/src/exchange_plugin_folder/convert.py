"""Converts a document package into one folder that a person opens by double click."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exchange.errors import Misconfigured
from exchange.hookspecs import (
    EVERY_CHARACTER,
    FILES,
    Capabilities,
    Declaration,
    DocumentPackage,
    IntakeFile,
    IntakeFormat,
    Settings,
    hookimpl,
)
from exchange_plugin_folder import kinds

if TYPE_CHECKING:
    from pathlib import Path  # a worker is ready before it has one


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

    async def convert(self, package: DocumentPackage, target: "Path") -> Sequence[IntakeFile]:
        """Copy the files under their names and write the index beside them, index first."""
        for file in package.files:
            kinds.check(file)
        # Imported here: a worker is ready before it needs to know how an index is written.
        from exchange_plugin_folder.fill import fill  # noqa: PLC0415 - said above

        return [IntakeFile(name) for name in fill(package, target)]


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
