"""Bring a database back from a backup: into an empty place, whole or not at all.

A database that was brought back has forgotten what happened after its backup, withdrawals
included. It says so of itself (`storage.restorations`), and is served only after everything
without its payload was ended (`end_lost`) and the log was compared with what others hold.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection

from exchange.errors import Misconfigured
from exchange.hub.change_schema import server
from exchange.hub.open_vault import VAULT, VAULT_FILE, VAULT_KEY
from exchange.hub.settings import HubSettings
from exchange.hub.storage import (
    migrate,
    restorations,
    schema,
    snapshot,
    snapshot_file,
    vault_server,
)
from exchange.hub.storage.engine import FILE
from exchange.hub.storage.snapshot import Progress, Snapshot
from exchange.sqlite_file import lock_file


def restore(settings: HubSettings, source: Path, *, now: datetime, progress: Progress) -> Snapshot:
    """Bring back what the backup in `source` is of: the records or the vault.

    The digests of all parts are compared before anything is written. Records of an older schema
    are led to this program's in the same step.

    Args:
        settings: of a hub that does not run, with the keys of the one that was backed up.
        source: directory of the backup.
        now: the present moment, aware.
        progress: told how much is done and how much there is.

    Raises:
        Misconfigured: no backup, damaged, of another kind of database or a later version of the
            program; or the place is not empty.
    """
    found = snapshot.read_note(source)
    if found.kind == "records" and found.schema > schema.HEAD:
        schema.require(found.schema)
    url = settings.database_url if found.kind == "records" else settings.vault.url
    wanted = "sqlite" if url is None else "postgresql"
    if found.store != wanted:
        raise Misconfigured(f"the backup is of {found.store}, the settings name {wanted}")
    if found.kind == "vault" and not (settings.home / VAULT / VAULT_KEY).is_file():
        raise Misconfigured(
            f"first put the vault's key back, {settings.home / VAULT / VAULT_KEY}: it opens it"
        )
    snapshot.check_parts(source, found, progress)
    if url is not None:
        _on_server(url, source, found, now, progress)
    elif found.kind == "records":
        with _locked(settings.home / FILE) as path:
            snapshot_file.place(source / FILE, path, lambda conn: _brought_back(conn, found, now))
    else:
        with _locked(settings.home / VAULT / VAULT_FILE) as path:
            snapshot_file.place(source / VAULT_FILE, path, None)
    return found


def mark(settings: HubSettings, *, now: datetime) -> None:
    """Say of a database that other means brought back that it was: a disk, a base backup.

    Raises:
        Misconfigured: a hub uses it, it cannot be reached, or it has another schema.
    """

    def marked(conn: Connection) -> None:
        schema.check(conn)
        restorations.record(conn, at=now, made_at=None)

    if settings.database_url is not None:
        with server(settings.database_url) as engine:
            from exchange.hub.storage import snapshot_server  # noqa: PLC0415 - with the extra only

            with snapshot_server.filling(engine) as conn:
                marked(conn)
        return
    if not (settings.home / FILE).is_file():
        raise Misconfigured(f"there is no database at {settings.home / FILE}")
    with _locked(settings.home / FILE) as path:
        snapshot_file.change_file(path, marked)


def _brought_back(conn: Connection, found: Snapshot, now: datetime) -> None:
    migrate.upgrade(conn, _quiet)
    restorations.record(conn, at=now, made_at=found.made_at)


def _on_server(
    url: SecretStr, source: Path, found: Snapshot, now: datetime, progress: Progress
) -> None:
    with server(url) as engine:
        from exchange.hub.storage import snapshot_server  # noqa: PLC0415 - with the extra only

        with snapshot_server.filling(engine) as conn:
            migrate.lock(conn)
            empty = schema.revision if found.kind == "records" else vault_server.version
            if empty(conn) is not None:
                raise Misconfigured("the database is not empty: a backup never overwrites anything")
            if found.kind == "records":
                migrate.upgrade(conn, _quiet, to=found.schema)
            else:
                vault_server.make(conn)
            snapshot_server.fill(conn, source, found.parts, progress)
            if found.kind == "records":
                _brought_back(conn, found, now)


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """Yield `path` while no hub can use the database there."""
    lock = lock_file(path)
    try:
        yield path
    finally:
        os.close(lock)


def _quiet(_reached: str, _words: str) -> None:
    """Tell nobody of a step."""
