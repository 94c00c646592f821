"""The plugin's entry point: converts document packages into messages, and registers the formats."""

from collections.abc import Sequence
from pathlib import Path

from lxml import etree

from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import (
    EVERY_CHARACTER,
    FILES,
    Capabilities,
    Declaration,
    DocumentPackage,
    IntakeFile,
    IntakeFormat,
    OutgoingFormat,
    Settings,
    hookimpl,
)
from exchange_plugin_xdomea import archive, foreign
from exchange_plugin_xdomea.configure import configured
from exchange_plugin_xdomea.export import XdomeaExport
from exchange_plugin_xdomea.kinds import kind_of, kinds


class XdomeaHandOver:
    """Writes the message `Abgabe.Abgabe.0401` with its files as one archive.

    Source: xdomea 3.0.0 (KoSIT, XRepository), message group hand-over.
    """

    def __init__(self, schema: etree.XMLSchema, *, office: str) -> None:
        """Take the official schema, and the name of the receiving office (may be empty)."""
        self._schema = schema
        self._office = office

    @property
    def capabilities(self) -> Capabilities:
        """Every file a person can open; names are kept inside the message, whatever they are."""
        return Capabilities(
            profiles=frozenset({FILES}),
            media_types=frozenset(kind.media_type for kind in kinds()),
            max_size=1 << 30,
            name_alphabet=EVERY_CHARACTER,
        )

    async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
        """Write one archive `<process>_Abgabe.Abgabe.0401.zip`, valid by the official schema."""
        # Imported here: a worker that only reads exports writes no message.
        from exchange_plugin_xdomea import hand_over  # noqa: PLC0415 - said above

        for file in package.files:
            if kind_of(file.name, file.path).media_type != file.media_type:
                raise Malformed("a file is of another kind than its contents list says")
        files = [
            (hand_over.name_in_archive(package, number, file), file)
            for number, file in enumerate(package.files, start=1)
        ]
        root = hand_over.build(package, files, office=self._office)
        foreign.check_valid(root, self._schema)
        content = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
        stem = f"{package.disclosure_id}_{hand_over.HAND_OVER}"
        archive.pack(
            target / f"{stem}.zip", (f"{stem}.xml", content), files, at=package.collected_at
        )
        return [IntakeFile(f"{stem}.zip")]


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
    if chosen.schemas is None:
        raise Misconfigured("`reads.schemas` names no folder with the schemas of xdomea 3.0.0")
    return [XdomeaHandOver(foreign.load_schema(chosen.schemas), office=chosen.office)]


@hookimpl
def register_outgoing_formats(settings: Settings) -> Sequence[OutgoingFormat]:
    """Register the outgoing format; it needs no schemas.

    Raises:
        Misconfigured: a setting is wrong.
    """
    return [XdomeaExport(configured(settings).categories)]
