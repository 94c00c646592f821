"""Takes what becomes one signed container, and registers both ways of this plugin."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exchange.hookspecs import (
    CONTRACT,
    EVERY_CHARACTER,
    FILES,
    Capabilities,
    Declaration,
    DocumentPackage,
    EvidenceVerifier,
    IntakeFile,
    IntakeFormat,
    Settings,
    hookimpl,
)
from exchange_plugin_asic import configure, kinds

if TYPE_CHECKING:
    from pathlib import Path  # a worker is ready before it has one


class Container:
    """Reads ``files/1``. Source: ETSI EN 319 162-1 (ASiC); the gateway packs and signs."""

    @property
    def capabilities(self) -> Capabilities:
        """Kinds of files people open; with the proofs, sealed by the gateway into ASiC-E."""
        return Capabilities(
            profiles=frozenset({FILES}),
            media_types=frozenset(kinds.KINDS),
            max_size=1 << 30,
            name_alphabet=EVERY_CHARACTER,
            proofs=True,
            container="asic-e",
        )

    async def convert(self, package: DocumentPackage, target: "Path") -> Sequence[IntakeFile]:
        """Write the members: the documents unchanged, what was said of them, and what proves it."""
        for file in package.files:
            kinds.check(file)
        # Imported here: a worker is ready before it needs to know how members are laid out.
        from exchange_plugin_asic.members import lay_out  # noqa: PLC0415 - said above

        return [IntakeFile(name) for name in lay_out(package, target)]


@hookimpl
def declare_plugin() -> Declaration:
    """Declare that documents and signed forms are read, and nothing is kept or sent."""
    return Declaration(contract=CONTRACT, licence="EUPL-1.2", sees_plaintext=True)


@hookimpl
def register_intake_formats(settings: Settings) -> Sequence[IntakeFormat]:
    """Register the one format of this plugin.

    Raises:
        Misconfigured: an unknown setting is given.
    """
    configure.check_names(settings)
    return [Container()]


@hookimpl
def register_evidence_verifiers(settings: Settings) -> Sequence[EvidenceVerifier]:
    """Register the one verifier of this plugin.

    Raises:
        Misconfigured: `trusted` is missing or holds no certificates; an unknown setting is given.
    """
    # Imported here: intake workers start without XML and X.509, which take half a second to load.
    from exchange_plugin_asic.evidence import SignedContainer  # noqa: PLC0415 - said above

    return [SignedContainer(configure.trusted(settings))]
