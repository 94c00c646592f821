"""The plugin's entry point: says what the plugin is, and registers its formats."""

from collections.abc import Sequence

from exchange.errors import Misconfigured
from exchange.hookspecs import (
    Declaration,
    IntakeFormat,
    OutgoingFormat,
    Settings,
    hookimpl,
)
from exchange_plugin_xdomea.configure import configured
from exchange_plugin_xdomea.outgoing import XdomeaExport


@hookimpl
def declare_plugin() -> Declaration:
    """Say what this plugin is: it sees documents, and keeps nothing."""
    return Declaration(contract=1, licence="EUPL-1.2", sees_plaintext=True)


@hookimpl
def register_intake_formats(settings: Settings) -> Sequence[IntakeFormat]:
    """Register the intake format; it writes nothing that the official schema does not accept.

    Raises:
        Misconfigured: a setting is wrong, or the schemas are not there.
    """
    chosen = configured(settings)
    if not chosen.schemas:
        raise Misconfigured("`reads.schemas` names no folder with the schemas of xdomea 3.0.0")
    # Imported here: a worker for exports is ready before it needs XML, and writes no archives.
    from pathlib import Path  # noqa: PLC0415 - said above

    from exchange_plugin_xdomea import foreign, intake  # noqa: PLC0415 - said above

    return [intake.XdomeaHandOver(foreign.load_schema(Path(chosen.schemas)), office=chosen.office)]


@hookimpl
def register_outgoing_formats(settings: Settings) -> Sequence[OutgoingFormat]:
    """Register the outgoing format; it needs no schemas.

    Raises:
        Misconfigured: a setting is wrong.
    """
    return [XdomeaExport(configured(settings).categories)]
