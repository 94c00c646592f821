"""Converts a document package into one bag."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exchange.errors import Misconfigured
from exchange.hookspecs import (
    ASCII_NAMES,
    CONTRACT,
    FILES,
    Capabilities,
    Declaration,
    DocumentPackage,
    IntakeFile,
    IntakeFormat,
    Settings,
    hookimpl,
)
from exchange_plugin_bagit import kinds

if TYPE_CHECKING:
    from pathlib import Path  # a worker is ready before it has one


class Bag:
    """Reads ``files/1``. Source: RFC 8493, The BagIt File Packaging Format (V1.0)."""

    @property
    def capabilities(self) -> Capabilities:
        """Kinds of files that archives keep; with the proofs, which archives keep too."""
        return Capabilities(
            profiles=frozenset({FILES}),
            media_types=frozenset(kinds.KINDS),
            max_size=1 << 30,
            name_alphabet=ASCII_NAMES,
            proofs=True,
        )

    async def convert(self, package: DocumentPackage, target: "Path") -> Sequence[IntakeFile]:
        """Write one bag, serialized as one zip file (RFC 8493, section 4)."""
        for file in package.files:
            kinds.check(file)
        # Imported here: a worker is ready before it needs to know how bags are packed.
        from exchange_plugin_bagit import bag  # noqa: PLC0415 - said above

        name = f"{package.disclosure_id}.zip"
        bag.write(package, target / name)
        return [IntakeFile(name)]


@hookimpl
def declare_plugin() -> Declaration:
    """Declare that documents are rewritten, and nothing is kept or sent."""
    return Declaration(contract=CONTRACT, licence="EUPL-1.2", sees_plaintext=True)


@hookimpl
def register_intake_formats(settings: Settings) -> Sequence[IntakeFormat]:
    """Register the one format of this plugin; it has no settings.

    Raises:
        Misconfigured: a setting is given all the same.
    """
    if settings:
        raise Misconfigured("it has no settings")
    return [Bag()]
