"""`exchange log import`: bring entries back that a restored database has forgotten."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from exchange.cli.hub_home import Home, alone_in, settings_in
from exchange.cli.log_verify import read_token
from exchange.cli.progress import bars, late
from exchange.errors import ExchangeError, LogInvalid, Misconfigured

if TYPE_CHECKING:
    from exchange.hub.import_log import Imported
    from exchange.hub.settings import HubSettings
    from exchange.verifier.opened import Opened


def import_(
    *,
    from_: Annotated[
        str,
        Parameter(
            name="--from",
            help="A copy of this log: the folder of a mirror, an export as folder or tar, or an "
            "address.",
        ),
    ],
    openings: Annotated[
        tuple[str, ...],
        Parameter(
            negative=(),
            help="Exports of agencies (`exchange log export`), as folder or tar: from them the "
            "hub learns again what their entries stand for. Can be given several times.",
        ),
    ] = (),
    token: Annotated[
        Path | None, Parameter(help="File with a token, for the entries of a copy in the web.")
    ] = None,
    home: Home = Path("hub"),
) -> None:
    """Bring back the entries of the log that a restored database does not have.

    For a hub that refuses to sign because others hold more of its log than it does. Stop it
    first. The copy is believed in nothing: what is appended must lead to a root that this log
    has signed. What an entry stands for the copy does not tell. So each consent and agreement
    with an entry that nobody explains ends, because it may have been withdrawn: ask the
    collecting agency for a new consent, and every agency to repeat what it was acknowledged
    since the backup, withdrawals first. docs/backup.md has every step.

    Example: exchange log import --from /mirror --openings jobcentre.tar --home hub
    """
    settings = settings_in(home)
    given = None if token is None else read_token(token)
    os.umask(0o077)
    with alone_in(home):
        try:
            found = asyncio.run(_import(settings, from_, openings, given))
        except LogInvalid as error:
            raise Misconfigured(f"nothing was imported: {error}") from None
    print(f"entries brought back: {found.entries}, known again: {found.explained}")
    print(f"entries of the log now: {found.size}")
    if found.consents or found.agreements:
        print(f"ended: consents {found.consents}, agreements {found.agreements}")
        print("Nobody here can say what last happened to them.")
    print(f"Next: exchange hub serve --home {home}")


async def _import(
    settings: "HubSettings", target: str, exports: tuple[str, ...], token: str | None
) -> "Imported":
    from exchange.hub.app import now, opened
    from exchange.hub.import_log import import_log
    from exchange.verifier.source import open_source

    shown = [one for export in exports for one in await _openings(export)]
    async with (
        opened(settings, clock=now, on_failure=lambda: None) as found,
        open_source(target, token) as source,
    ):
        with bars() as bar:
            return await import_log(found.hub, source, shown, late(bar("entries")))


async def _openings(export: str) -> "list[Opened]":
    from exchange.verifier.opened import read_opened
    from exchange.verifier.source import open_source
    from exchange.verifier.volumes import lines_of

    async with open_source(export) as source:
        try:
            return [read_opened(line) async for _, _, line in lines_of(source.files)]
        except ExchangeError as error:
            raise Misconfigured(f"{export}: its openings cannot be read: {error}") from None
