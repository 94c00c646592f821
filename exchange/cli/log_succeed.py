"""`exchange log succeed`: close a log that can never be signed again, and begin its successor."""

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from exchange.cli.hub_home import SETTINGS_FILE, Home, alone_in, settings_in
from exchange.cli.progress import bars, late

if TYPE_CHECKING:
    from exchange.hub.settings import HubSettings
    from exchange.hub.succeed import Reason, Succeeded


def succeed(
    *,
    reason: Annotated[
        Literal["entries-lost", "key-stolen"],
        Parameter(help="Why; it stands in the first entry of the new log, for everybody."),
    ],
    yes: Annotated[
        bool, Parameter(negative=(), help="Do it; without this nothing happens but the warning.")
    ] = False,
    home: Home = Path("hub"),
) -> int:
    """Close the log of this hub for ever, and begin the next one under a new name.

    The last way out, when others hold entries of this log that no copy has any more: first look
    for a mirror or an export and use `exchange log import`. Stop the hub first. The new log names
    the old one, its last head and the reason, and takes over every entry whose event is still
    known here. With `entries-lost` every consent ends: nobody can say which of them was withdrawn
    in what was lost. Afterwards set log.origin to the name that is printed, start the hub, and
    hand every agency and witness the new policy file (`exchange log policy`).

    Example: exchange log succeed --reason entries-lost --yes --home hub
    """
    settings = settings_in(home)
    origin = _next(settings.log_origin)
    if not yes:
        print(f"This closes {settings.log_origin} for ever and begins {origin}.")
        if reason == "entries-lost":
            print("Every consent ends. Is there really no mirror and no export of this log?")
        print("Say --yes to do it.")
        return 1
    os.umask(0o077)
    with alone_in(home):
        if not _finished(settings.home, origin):
            done = asyncio.run(_succeed(settings, origin, reason))
            print(f"entries that go over into the new log: {done.queued}")
            print(f"ended: consents {done.consents}")
            print(f"the closed log: {done.closed}")
    print(f'Next: in {home / SETTINGS_FILE}, section [log], set origin = "{origin}"')
    return 0


def _next(origin: str) -> str:
    """Return the name of the log that follows: `/log/e2` after `/log`, `/log/e3` after that."""
    found = re.fullmatch(r"(.*)/e([0-9]{1,6})", origin)
    return f"{origin}/e2" if found is None else f"{found[1]}/e{int(found[2]) + 1}"


def _finished(home: Path, origin: str) -> bool:
    """Bring a succession to its end that was interrupted in its last step; False if none was."""
    from exchange.hub.succeed import begun, folder, retire

    if not begun(home, origin):
        return False
    retire(home, folder(home, origin))
    return True


async def _succeed(settings: "HubSettings", origin: str, reason: "Reason") -> "Succeeded":
    from exchange.hub.app import now, opened
    from exchange.hub.succeed import succeed as close

    with bars() as bar:
        async with opened(settings, clock=now, on_failure=lambda: None) as found:
            return await close(found.hub, origin, reason, late(bar("entries")))
