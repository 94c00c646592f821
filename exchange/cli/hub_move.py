"""`exchange hub move-blobs`: payloads from one store to another, while hubs serve."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from exchange.cli.hub_home import Home, settings_in
from exchange.errors import ExchangeError, Misconfigured

if TYPE_CHECKING:
    from exchange.hub.move_blobs import Moved, Rows
    from exchange.hub.settings import HubSettings
    from exchange.hub.storage.uploads import Described

MEBI = 1024 * 1024
TOLD_EVERY_S = 10.0
"""Seconds between two lines of progress."""

Place = Annotated[str, Parameter(help="A directory, or s3://BUCKET/PREFIX, as in the settings.")]


def move_blobs(
    from_: Annotated[Place, Parameter(name="FROM")],
    to: Annotated[Place, Parameter(name="TO")],
    *,
    home: Home = Path("hub"),
    parallel: Annotated[
        int,
        Parameter(help="Payloads on their way at once.", validator=Number(gte=1, lte=64)),
    ] = 4,
) -> int:
    """Move all payloads from one store to another; hubs may serve meanwhile.

    First set `blobs` to TO and `blobs_also` to FROM, and restart every hub: from then on they
    write to TO and read from both. Then run this. It can be interrupted and run again at any
    time. When it says that FROM is empty, take `blobs_also` out and restart. Exit code 1 if a
    payload is damaged, 3 if something is left in FROM that may still be needed.

    Example: exchange hub move-blobs payloads s3://exchange/payloads
    """
    settings = settings_in(home)
    if (settings.blobs_also, settings.blobs) != (from_, to):
        raise Misconfigured(
            "set blobs to TO and blobs_also to FROM in the settings, and restart every hub first"
        )
    os.umask(0o077)
    found = asyncio.run(_move(settings, parallel))
    print(f"moved {found.blobs} payloads, {_mebi(found.size)} MiB")
    if found.damaged:
        print(
            f"{found.damaged} are not what their rows say, or cut short; they stay where they are"
        )
    if found.unnamed:
        print(
            f"{found.unnamed} are left in FROM that no row names: being sent just now, or left by "
            "a crash, then the hub removes them within two days. Keep blobs_also and run this again"
        )
    if found.damaged:
        return 1
    if found.unnamed:
        return 3
    print("FROM is empty: take blobs_also out of the settings and restart every hub")
    return 0


async def _move(settings: "HubSettings", parallel: int) -> "Moved":
    from exchange.hub.move_blobs import move_blobs as move
    from exchange.hub.open_blobs import open_place

    source = open_place(settings, settings.blobs_also)
    target = open_place(settings, settings.blobs)
    async with _rows(settings) as rows:
        return await move(source, target, rows, parallel=parallel, progress=_Lines())


@asynccontextmanager
async def _rows(settings: "HubSettings") -> "AsyncIterator[Rows]":
    """Yield what tells rows: the hub that runs here, or else the database opened by ourselves."""
    from exchange.hub import control
    from exchange.hub.app import now, opened
    from exchange.hub.move_blobs import described
    from exchange.hub.storage.uploads import Described

    async def asked(names: Sequence[str]) -> "Mapping[str, Described]":
        command = {"do": "blobs", "names": list(names)}
        try:
            told = await asyncio.to_thread(control.ask, settings.home, command)
        except ConnectionError:
            raise ExchangeError("the hub has stopped meanwhile: run this again") from None
        return {name: Described(size=size, sha256=sha256) for name, (size, sha256) in told.items()}

    try:
        await asyncio.to_thread(control.ask, settings.home, {"do": "blobs", "names": []})
    except ConnectionError:
        async with opened(settings, clock=now, on_failure=lambda: None) as found:
            yield lambda names: described(found.hub, names)
    else:
        yield asked


class _Lines:
    """Progress on standard error: a line now and then, rewritten on a terminal."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()

    def __call__(self, done: int, total: int, size: int) -> None:
        """Tell how far it is, if the last time is long enough ago."""
        terminal = sys.stderr.isatty()
        now = time.monotonic()
        if now - self._told_at < (1 if terminal else TOLD_EVERY_S) and done < total:
            return
        self._told_at = now
        end = "\r" if terminal and done < total else "\n"
        line = f"{done} of {total} payloads looked at, {_mebi(size)} MiB moved"
        print(line, end=end, file=sys.stderr, flush=True)


def _mebi(size: int) -> str:
    return f"{size / MEBI:,.1f}"
