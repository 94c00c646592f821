"""`exchange log export`: the log, and what this agency may open of it, for a court to check."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.cli.log_verify import late
from exchange.cli.place import HERE, Place, beside
from exchange.cli.progress import bars

if TYPE_CHECKING:
    from exchange.agency.export_log import Exported


def export(
    *,
    out: Path,
    at: Place = HERE,
) -> None:
    """Write an export of the log: a folder, or a tar, that verifies without network and hub.

    Works beside a running gateway. Holds the whole log, and what this agency may open of it with
    the signed statements behind: as confidential as the records. The log notes that an export was
    made. Whoever checks it needs the policy file from elsewhere: docs/verify.md.

    Example: exchange log export --home gateway --out export-2026.tar

    Parameters
    ----------
    out
        Folder to make, or a file ending in .tar; it must not exist.
    """
    found = asyncio.run(_export(at, out))
    print(f"exported    {out}")
    print(f"entries     {found.size:,}, of which {found.opened:,} are opened")
    print(f"next        exchange log verify {out} --policy FILE")


async def _export(at: Place, out: Path) -> "Exported":
    from exchange.agency.export_log import export_log

    async with beside(at) as desk:
        with bars() as bar:
            return await export_log(desk, out, late(bar("entries")))
