"""Take a consistent snapshot of the records, or of the vault, while hubs serve.

Payloads are in no backup: without its header a payload is noise, and a header that was deleted
must have nothing left to open. Keys are in none either: with the vault's key beside it a copy of
the vault would be no vault.
"""

from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from exchange.errors import Misconfigured
from exchange.hub.change_schema import server
from exchange.hub.open_vault import VAULT, VAULT_FILE
from exchange.hub.settings import HubSettings
from exchange.hub.storage import snapshot, snapshot_file, vault_server
from exchange.hub.storage.engine import FILE
from exchange.hub.storage.snapshot import Progress, Snapshot


def back_up(settings: HubSettings, target: Path, *, now: datetime, progress: Progress) -> Snapshot:
    """Write a backup of the records to a new directory; whole and durable, or not there.

    Args:
        settings: of the hub; it may serve.
        target: of the backup; does not exist.
        now: the present moment, aware.
        progress: told how much is done and how much there is.

    Raises:
        Misconfigured: the name is taken, the database cannot be read, or there is no room.
    """
    url = settings.database_url
    with snapshot.new_directory(target) as directory:
        if url is None:
            found = _records_in_file(settings.home / FILE, directory, now, progress)
        else:
            found = _records_on_server(url, directory, now, progress)
        snapshot.write_note(directory, found)
    return found


def back_up_vault(
    settings: HubSettings, target: Path, *, now: datetime, progress: Progress
) -> Snapshot:
    """Write a backup of the vault to a new directory; whole and durable, or not there.

    Take it after that of the records: an entry whose key is missing opens to nobody, while a key
    without an entry is swept. Keep it for days only: what was erased since is in it.

    Args:
        settings: of the hub; it may serve.
        target: of the backup, apart from any of the records.
        now: the present moment, aware.
        progress: told how much is done and how much there is.

    Raises:
        Misconfigured: the name is taken, the vault cannot be read, or there is no room.
    """
    url = settings.vault.url
    with snapshot.new_directory(target) as directory:
        if url is None:
            found = _vault_in_file(settings.home / VAULT / VAULT_FILE, directory, now, progress)
        else:
            found = _vault_on_server(url, directory, now, progress)
        snapshot.write_note(directory, found)
    return found


def keep_apart(records: Path, vault: Path) -> None:
    """Refuse two backups in one place: whoever takes or keeps the one would have the other.

    Raises:
        Misconfigured: they lie beside each other, or one in the other.
    """
    one, other = records.resolve(), vault.resolve()
    if one.parent == other.parent or one in other.parents or other in one.parents:
        raise Misconfigured(
            "the backup of the vault must not lie beside that of the records: give it a directory "
            "of its own, which is kept for days only"
        )


def _records_in_file(source: Path, directory: Path, now: datetime, progress: Progress) -> Snapshot:
    part = snapshot_file.copy(source, directory / FILE, progress)
    schema, size, note = snapshot_file.facts(directory / FILE)
    return Snapshot(
        kind="records",
        store="sqlite",
        schema=schema,
        made_at=now,
        parts=(part,),
        size=size,
        note=note,
    )


def _records_on_server(
    url: SecretStr, directory: Path, now: datetime, progress: Progress
) -> Snapshot:
    with server(url) as engine:
        # Here and not above: the driver is installed with the extra only.
        from exchange.hub.storage import snapshot_server  # noqa: PLC0415

        with snapshot_server.reading(engine) as conn:
            schema, size, note = snapshot_server.facts(conn)
            parts = snapshot_server.copy(conn, directory, progress)
    return Snapshot(
        kind="records",
        store="postgresql",
        schema=schema,
        made_at=now,
        parts=parts,
        size=size,
        note=note,
    )


def _vault_in_file(source: Path, directory: Path, now: datetime, progress: Progress) -> Snapshot:
    part = snapshot_file.copy(source, directory / VAULT_FILE, progress)
    schema = snapshot_file.version(directory / VAULT_FILE)
    return Snapshot(kind="vault", store="sqlite", schema=schema, made_at=now, parts=(part,))


def _vault_on_server(
    url: SecretStr, directory: Path, now: datetime, progress: Progress
) -> Snapshot:
    with server(url) as engine:
        from exchange.hub.storage import snapshot_server  # noqa: PLC0415 - as above

        with snapshot_server.reading(engine) as conn:
            vault_server.check(conn)
            parts = snapshot_server.copy(conn, directory, progress)
    schema = str(vault_server.VERSION)
    return Snapshot(kind="vault", store="postgresql", schema=schema, made_at=now, parts=parts)
