"""Open the vault that the settings name; the library for PostgreSQL only where it is one."""

from functools import partial

from exchange.database import Database
from exchange.errors import Misconfigured
from exchange.hub.parts import Clock
from exchange.hub.settings import HubSettings
from exchange.hub.storage.agencies import listed
from exchange.hub.storage.vault import Rows, SealedVault
from exchange.hub.storage.vault_file import FileRows
from exchange.hub.storage.vault_keys import KeyFiles

VAULT = "vault"
"""Directory of the vault: a database, a key and backups of their own."""
VAULT_FILE = "vault.sqlite"
VAULT_KEY = "vault.key"


async def open_vault(settings: HubSettings, database: Database, *, clock: Clock) -> SealedVault:
    """Open the vault: PostgreSQL where `vault.url` is set, else the SQLite file in `home`.

    Args:
        settings: validated.
        database: that of the records, which must be another cluster.
        clock: the present moment, aware.

    Raises:
        Misconfigured: its key is missing, readable by others or another one; it is used by
            another process, in the cluster of the records, of another schema, without the keys
            of these records, or away.
    """
    keys = KeyFiles(settings.home / VAULT / VAULT_KEY)
    keys.read()  # before anything is opened: without its key a vault is nothing
    rows: Rows
    if settings.vault.url is None:
        # Where the records lie on a server, other hubs of this machine use the file as well.
        shared = settings.database_url is not None
        rows = FileRows(settings.home / VAULT / VAULT_FILE, shared=shared)
    else:
        rows = await _on_server(settings, settings.vault.url.get_secret_value(), database)
    vault = SealedVault(rows, keys, clock=clock)
    try:
        await vault.check_key()
        if settings.database_url is not None:
            await _refuse_another(vault, database)
    except BaseException:
        await vault.close()
        raise
    return vault


async def _refuse_another(vault: SealedVault, records: Database) -> None:
    """Refuse a vault without the keys of records that several hubs share.

    Otherwise one of two machines, each with a file of its own, would make keys that the other
    never finds. A hub alone starts also after its vault was lost, so that persons can withdraw.
    """
    for agency in await records.read(partial(listed, after=None, limit=1)):
        if agency.chain not in await vault.chains((agency.chain,)):
            raise Misconfigured(
                "the vault does not have the keys of these records: name the one they were made "
                "with in vault.url, or bring its file back from its backup"
            )


async def _on_server(settings: HubSettings, url: str, records: Database) -> Rows:
    try:
        # Here and not above: the driver is installed with the extra only.
        from exchange.hub.storage import vault_server  # noqa: PLC0415
        from exchange.hub.storage.postgres import Pools, PostgresDatabase  # noqa: PLC0415
    except ImportError:
        raise Misconfigured(
            "vault.url needs the extra postgres: pip install 'consent-exchange[postgres]'"
        ) from None
    pools = Pools(connections=2, urgent=1, readers=2)
    try:
        vault = PostgresDatabase(url, vault_server.check, pools=pools)
    except Misconfigured as error:
        error.add_note("this is about vault.url")
        raise
    try:
        if settings.database_url is not None:
            await _refuse_same_cluster(vault, records)
    except BaseException:
        await vault.close()
        raise
    return vault_server.ServerRows(vault)


async def _refuse_same_cluster(vault: Database, records: Database) -> None:
    from exchange.hub.storage.vault_server import cluster  # noqa: PLC0415 - as above

    if await vault.read(cluster) == await records.read(cluster):
        raise Misconfigured("vault.url names the cluster of the records: give it one of its own")
