"""How commands of the operator reach a hub: the running one, or one opened for the command."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exchange import canonical
from exchange.cli.events import configure
from exchange.cli.hub_home import settings_in


def ask(home: Path, command: Mapping[str, canonical.Json]) -> Any:
    """Let the running hub do `command`, or do it here when none runs.

    Raises:
        Misconfigured: there is no hub in `home`.
        ExchangeError: what the command refuses.
    """
    from exchange.hub import control

    settings = settings_in(home)
    os.umask(0o077)
    try:
        return control.ask(home, command)
    except ConnectionError:
        return asyncio.run(_alone(settings, command))


async def _alone(settings: Any, command: Mapping[str, canonical.Json]) -> Any:
    from exchange.hub.app import command as do
    from exchange.hub.app import now, opened

    configure(sys.stderr, level=logging.WARNING)  # what the command prints may be read by a program

    def failed() -> None:
        return None  # the command itself is told

    async with opened(settings, clock=now, on_failure=failed) as found:
        return await do(found.hub, command)
