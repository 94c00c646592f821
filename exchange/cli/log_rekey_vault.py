"""`exchange log rekey-vault`: a new key for the vault, so that its old copies open nothing."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from exchange.canonical import Json
from exchange.cli.hub_home import Home, settings_in
from exchange.errors import ExchangeError

if TYPE_CHECKING:
    from exchange.hub.settings import HubSettings

TRIES = 20
"""How often the end is tried while a reader holds on to the vault's file."""
PAUSE_S = 0.5
HELD = 3
"""Exit code when a reader still holds on to it."""

Do: TypeAlias = Callable[[Mapping[str, Json]], Awaitable[Any]]


def rekey_vault(
    *,
    home: Home = Path("hub"),
    prepare: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Only make the next key, vault/vault.key.next, to be copied to the homes on all "
            "other machines. Needed first where vault.url is set.",
        ),
    ] = False,
) -> int:
    """Seal every key in the vault under a new vault key, and destroy the old one.

    Do this every 31 days: from then on every older copy of the vault, in a backup or on a disk,
    opens nothing, and what was erased stays erased. Destroy your own copy of the old key 30 days
    later, and make one of the new key today. Hubs may serve meanwhile. It can be interrupted and
    run again at any time. Exit code 3 if a reader still holds on to the vault's file.

    Example: exchange log rekey-vault --home hub
    """
    from exchange.hub.open_vault import VAULT, VAULT_KEY
    from exchange.hub.storage.vault_keys import NEXT, KeyFiles

    settings = settings_in(home)
    os.umask(0o077)
    key = home / VAULT / VAULT_KEY
    if prepare:
        KeyFiles(key).prepare()
        print(f"The next key is in {key}{NEXT}. Copy it to the same place on every machine, then:")
        print(f"exchange log rekey-vault --home {home}")
        return 0
    count, done = asyncio.run(_rekey(settings))
    print(f"sealed {count} keys anew")
    if not done:
        print("a reader holds on to the vault's file: run this again when it has gone")
        return HELD
    print(f"The old key is destroyed; {key} is the new one. Make a copy of it now, offline,")
    print("and destroy your copy of the old one in 30 days.")
    return 0


async def _rekey(settings: "HubSettings") -> tuple[int, bool]:
    """Return how many keys were sealed anew, and whether the old vault key is destroyed."""
    async with _hub(settings) as do:
        total = (await do(_step("begin", prepared=settings.vault.url is not None)))["left"]
        count = 0
        after: str | None = ""
        while after is not None:
            told = await do(_step("batch", after=after))
            count, after = count + told["count"], told["last"]
            _tell(count, total)
        for _ in range(TRIES):
            if (await do(_step("end")))["done"]:
                return count, True
            await asyncio.sleep(PAUSE_S)
        return count, False


def _step(step: str, **given: Json) -> Mapping[str, Json]:
    return {"do": "rekey-vault", "step": step, **given}


@asynccontextmanager
async def _hub(settings: "HubSettings") -> AsyncIterator[Do]:
    """Yield what does a step: the hub that runs here, or one opened for it."""
    from exchange.hub import control
    from exchange.hub.app import command, now, opened

    async def asked(step: Mapping[str, Json]) -> Any:
        try:
            return await asyncio.to_thread(control.ask, settings.home, step)
        except ConnectionError:
            raise ExchangeError("the hub has stopped meanwhile: run this again") from None

    try:
        await asyncio.to_thread(control.ask, settings.home, {"do": "status"})
    except ConnectionError:
        async with opened(settings, clock=now, on_failure=lambda: None) as found:
            yield lambda step: command(found.hub, step)
    else:
        yield asked


def _tell(done: int, total: int) -> None:
    """Tell how far it is, on a terminal."""
    if sys.stderr.isatty():
        end = "\n" if done >= total else "\r"
        print(f"{done:,} of {total:,} keys", end=end, file=sys.stderr, flush=True)
