"""`exchange gateway run`: one process for one agency or several, until told to stop."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from exchange.cli.place import HERE, Place
from exchange.cli.systemd import READY, notify
from exchange.errors import Malformed

if TYPE_CHECKING:
    from exchange.agency.office import Office


def run(
    homes: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    /,
    *,
    at: Place = HERE,
) -> int:
    """Send and receive until told to stop (SIGTERM, Ctrl-C).

    Waits at the hub for new documents, so no port has to be open. Serves the local API and the
    local pages at `api.listen`, for this machine alone. Writes what it does to standard error, one
    line of JSON each, without personal data.

    Parameters
    ----------
    homes
        Homes of several agencies that one process serves, each with its own keys, state, plugins
        and token. One that cannot work is named and stops no other; the exit code then is 1.
        `--passphrase-fd` gives one passphrase for all of them.
    """
    from exchange.agency.office import open_office
    from exchange.agency.serve import Told, serve
    from exchange.cli import events
    from exchange.cli.tell import in_words

    if homes and at.home != Path():
        raise Malformed("several homes are given without --home")
    roots = [path.absolute() for path in homes or (at.home,)]
    if len(set(roots)) != len(roots):
        raise Malformed("the same home is given twice")

    def failed(root: Path, error: Exception) -> None:
        named = f"{root}: " if len(roots) > 1 else ""
        print(f"exchange: {named}{in_words(error)}", file=sys.stderr, flush=True)

    async def work() -> bool:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        unlock = at.unlock()
        return await serve(
            roots,
            lambda root: open_office(root, unlock=unlock, demo=at.demo),
            stop,
            Told(ready=_ready, failed=failed),
        )

    os.umask(0o077)
    raise_limit()
    events.configure(sys.stderr)
    return 0 if asyncio.run(work()) else 1


def raise_limit() -> None:
    """Let this process open as many files as the machine admits, not the usual 1,024.

    A document has up to 1,000, each of them open while it is sent.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _ready(offices: "Sequence[Office]") -> None:
    for office in offices:
        settings = office.gateway.settings
        for wall in office.reception.missing:
            print(f"this machine cannot wall off intake plugins with {wall}", file=sys.stderr)
        print(f"the gateway of {office.agency} is running", flush=True)
        if settings.api.listen:
            print(f"  on this machine: http://{settings.api.listen}/", flush=True)
    notify(READY)
