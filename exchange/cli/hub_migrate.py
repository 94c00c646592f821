"""`exchange hub migrate`: lead the database of a hub to the schema of this program."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from exchange.cli.hub_home import Home, settings_in
from exchange.errors import Misconfigured

if TYPE_CHECKING:
    from exchange.hub.settings import HubSettings


def migrate(
    *,
    home: Home = Path("hub"),
    check: Annotated[
        bool, Parameter(help="Say what would be done and change nothing; exit code 1 if needed.")
    ] = False,
    copy: Annotated[
        bool, Parameter(help="Keep a copy of an SQLite database as it was, beside it.")
    ] = True,
) -> None:
    """Lead the database to the schema of this program, after an update; all of it or nothing.

    With SQLite stop the hub first. With PostgreSQL hubs of the release before may go on meanwhile;
    an empty database gets its tables.
    """
    from exchange.hub.change_schema import find_schema, find_vault, make_vault
    from exchange.hub.storage.schema import HEAD, require

    settings = settings_in(home)
    os.umask(0o077)
    found = find_schema(settings)
    vault = find_vault(settings)
    print(f"schema of the database: {found or 'none, it is empty'}; of this program: {HEAD}")
    if found == HEAD and vault:
        print("nothing to do")
        return
    if check or (found is not None and found > HEAD):
        require(found)
        raise Misconfigured("the vault is not at its schema: lead it on with exchange hub migrate")
    if found != HEAD:
        _change(settings, found, copy=copy)
    if not vault:
        make_vault(settings)
        print("the tables of the vault: made")


def _change(settings: "HubSettings", found: str | None, *, copy: bool) -> None:
    from exchange.hub.change_schema import change_schema

    kept = None if found is None or not copy else _copy_of(settings, found)
    change_schema(settings, lambda reached, words: print(f"{reached}: {words}"), copy=kept)
    print("done")
    if kept is not None:
        print(f"The database as it was is in {kept}. Delete it when the hub runs again:")
        print("no withdrawal and no erasure reaches it.")


def _copy_of(settings: "HubSettings", found: str) -> Path | None:
    """Return where the copy goes; PostgreSQL has backups of its own."""
    return None if settings.database_url else settings.home / f"hub-{found}.sqlite"
