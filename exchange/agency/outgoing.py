"""Reads what back offices export, and looks at evidence of consents: in walled workers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from exchange.agency.parts import Gateway
from exchange.envelope.sealing import Outgoing
from exchange.hookspecs import EvidenceFound, ExportedFile, OutgoingPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an export holds, to be sealed while it is open."""

    package: OutgoingPackage
    files: tuple[Outgoing, ...]
    """Of `package.files`, in their order; each `source` lies where it goes when this is closed."""


class Readers:
    """Outgoing formats and evidence verifiers; their workers start when they are first asked."""

    def read(
        self, key: str, exported: Sequence[ExportedFile]
    ) -> AbstractAsyncContextManager[Export]:
        """Read an export; its files are there until the context ends.

        Args:
            key: of an outgoing format that a plugin of the settings provides.
            exported: at least one file; `path` may be anything that can be opened, such as
                /proc/self/fd/<n> of an unnamed file.

        Raises:
            NotFound: no plugin of `[outgoing]` provides this format.
            Malformed: it is no such export, or its format failed on it; nothing is to be sent.
            TooLarge: more than the format reads.
            Unavailable: no worker can be had now.
        """
        raise NotImplementedError

    async def verify(self, evidence: ExportedFile) -> EvidenceFound | None:
        """Say what evidence of a consent shows; None when no verifier looks at its media type.

        Raises:
            Malformed: it is broken or forged, or a verifier failed on it: no consent is to be
                recorded on it.
            Unavailable: no worker can be had now.
        """
        raise NotImplementedError


@asynccontextmanager
async def open_readers(gateway: Gateway) -> AsyncIterator[Readers]:
    """Yield the readers that the settings name; end their workers afterwards."""
    raise NotImplementedError
    yield Readers()
