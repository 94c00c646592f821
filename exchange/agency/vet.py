"""Have the evidence of a consent looked at, before anything is signed that rests on it.

The verifiers of `[evidence]` are foreign code behind walls. What one of them calls broken or forged
is recorded by nobody; evidence without a signature, and of a kind none of them knows, passes: most
forms are signed by hand.
"""

import asyncio
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exchange.agency.parts import Gateway
from exchange.consent.record import Evidence
from exchange.errors import Malformed
from exchange.hookvalues import ExportedFile

if TYPE_CHECKING:  # a command that records nothing does not pay for workers
    from exchange.agency.outgoing import Readers

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a scan or of minutes."""
UNKNOWN: Final = "application/octet-stream"
CONTAINER: Final = "application/vnd.etsi.asic-e+zip"
_CONTAINERS: Final = frozenset({".asice", ".sce"})


@dataclass(frozen=True, slots=True)
class Scan:
    """The file that a draft's evidence is the digest of, and who looks at it."""

    readers: "Readers"
    file: ExportedFile


def scanned(name: str, path: Path, *, claimed: str = UNKNOWN) -> ExportedFile:
    """Return the evidence in `path` as verifiers are shown it.

    Its kind follows from its name, so that no program that knows a container only as bytes carries
    it past who would look into it.

    Args:
        name: as the office or its browser calls it.
        path: where it lies; may be a descriptor below /proc.
        claimed: media type that counts where the name says nothing.
    """
    known = CONTAINER if Path(name).suffix.lower() in _CONTAINERS else mimetypes.guess_type(name)[0]
    return ExportedFile(name=name, media_type=known or claimed, size=path.stat().st_size, path=path)


async def vet(gateway: Gateway, stated: Evidence | None, scan: Scan | None) -> None:
    """Refuse evidence that is broken or forged; does nothing where the settings name no verifier.

    Args:
        gateway: the parts.
        stated: what the draft says of its evidence; None where it needs none.
        scan: the file itself, where the caller has it.

    Raises:
        Malformed: no file, another one than the draft states, or a verifier refuses it.
        Unavailable: no worker can be had now, or a verifier cannot be loaded.
    """
    if stated is None or not gateway.settings.evidence.plugins:
        return
    if scan is None:
        raise Malformed("evidence: the settings name who looks at it, so its file is needed")
    if await asyncio.to_thread(_sha256, scan.file.path) != stated.sha256:
        raise Malformed("evidence: the file is another one than the draft states")
    await scan.readers.verify(scan.file)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
