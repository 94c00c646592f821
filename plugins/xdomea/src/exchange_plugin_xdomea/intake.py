"""The intake format: checks the files of a package and packs its message with them."""

from collections.abc import Sequence
from pathlib import Path

from lxml import etree

from exchange.errors import Malformed
from exchange.hookspecs import (
    EVERY_CHARACTER,
    FILES,
    Capabilities,
    DocumentPackage,
    IntakeFile,
)
from exchange_plugin_xdomea import archive, foreign, hand_over
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
