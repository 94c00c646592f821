"""The outgoing format: what it reads, and how much of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from exchange.hookspecs import ExportedFile, OutgoingPackage
from exchange_plugin_xdomea.configure import LARGEST
from exchange_plugin_xdomea.kinds import kinds

if TYPE_CHECKING:
    from pathlib import Path  # a worker is ready before it has one


class XdomeaExport:
    """Reads messages that carry documents, as one archive or as separate files.

    Source: xdomea 3.0.0 and 4.0.0 (KoSIT, XRepository).
    """

    def __init__(self, categories: Mapping[str, str]) -> None:
        """Take the codes of kinds of documents by the words that the back office uses."""
        self._categories = categories

    @property
    def key(self) -> str:
        """`xdomea`."""
        return "xdomea"

    @property
    def media_types(self) -> frozenset[str]:
        """Archives, messages, and the files beside them."""
        ours = {"application/zip", "application/xml", "text/xml"}
        return frozenset(ours | {kind.media_type for kind in kinds()})

    @property
    def max_size(self) -> int:
        """1 GiB."""
        return LARGEST

    async def read(self, exported: Sequence[ExportedFile], target: "Path") -> OutgoingPackage:
        """Write the newest version of each document of the message."""
        # Imported here: a worker is ready before it needs to know how XML and archives are read.
        from exchange_plugin_xdomea.export import export  # noqa: PLC0415 - said above

        return export(exported, target, self._categories)
