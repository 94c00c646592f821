"""`exchange log export`: the log, and what this agency may open of it, for a court to check."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.cli.place import HERE, Place, beside
from exchange.cli.progress import bars, late

if TYPE_CHECKING:
    from exchange.agency.export_log import Exported


def export(
    *,
    out: Path,
    at: Place = HERE,
    hub_home: Path | None = None,
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
    hub_home
        For an auditor at the hub: export from this home instead. Opens nothing, and has every
        older head that is kept. Works while the hub runs.
    """
    if hub_home is not None:
        _from_hub(hub_home, out)
        return
    found = asyncio.run(_export(at, out))
    print(f"exported    {out}")
    print(f"entries     {found.size:,}, of which {found.opened:,} are opened")
    print(f"next        exchange log verify {out} --policy FILE")


def _from_hub(home: Path, out: Path) -> None:
    from exchange.cli.hub_home import settings_in
    from exchange.hub.export_log import export_log

    os.umask(0o077)
    with bars() as bar:
        size = asyncio.run(export_log(settings_in(home), out, late(bar("entries"))))
    print(f"exported    {out}")
    print(f"entries     {size:,}, of which none is opened")
    print(f"next        exchange log verify {out} --policy FILE")


async def _export(at: Place, out: Path) -> "Exported":
    from exchange.agency.export_log import export_log

    async with beside(at) as desk:
        with bars() as bar:
            return await export_log(desk, out, late(bar("entries")))
