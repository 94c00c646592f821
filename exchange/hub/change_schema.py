"""Change the schema of the database that the settings name; starting a hub never does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine

from exchange.errors import Misconfigured
from exchange.hub.settings import HubSettings
from exchange.hub.storage import migrate
from exchange.hub.storage.engine import FILE
from exchange.hub.storage.migrate import Told


def find_schema(settings: HubSettings) -> str | None:
    """Return the schema of the database, None where there are no tables yet.

    Raises:
        Misconfigured: it cannot be reached, or is not one of this program.
    """
    if settings.database_url is None:
        return migrate.find_in_file(settings.home / FILE)
    with server(settings.database_url) as engine:
        return migrate.find_on_server(engine)


def change_schema(settings: HubSettings, told: Told, *, copy: Path | None = None) -> None:
    """Lead the database to this program's schema; all of it happens, or nothing.

    Args:
        settings: validated.
        told: called with each schema that was reached, before anything is committed.
        copy: where an SQLite file is copied to before it is changed.

    Raises:
        Misconfigured: a hub uses the file, the schema is unknown, or a step failed.
    """
    if settings.database_url is None:
        migrate.migrate_file(settings.home / FILE, told, copy=copy)
        return
    with server(settings.database_url) as engine:
        migrate.migrate_server(engine, told)


def find_vault(settings: HubSettings) -> bool:
    """Tell whether the vault has its tables; a vault in a file makes them when it is opened.

    Raises:
        Misconfigured: the server cannot be reached, or the database is not a vault we know.
    """
    if settings.vault.url is None:
        return True
    with server(settings.vault.url) as engine:
        return migrate.find_vault(engine)


def make_vault(settings: HubSettings) -> None:
    """Make the tables of a vault on PostgreSQL, or lead those of an earlier program on.

    Raises:
        Misconfigured: the server cannot be reached, or something else is in the database.
    """
    if settings.vault.url is not None:
        with server(settings.vault.url) as engine:
            migrate.make_vault(engine)


@contextmanager
def server(url: SecretStr) -> Iterator[Engine]:
    """Yield the library's side of a database on PostgreSQL; it connects when it is used.

    Raises:
        Misconfigured: the library for it is not installed, or the URL cannot be read.
    """
    try:
        # Here and not above: the driver is installed with the extra only.
        from exchange.hub.storage.postgres_session import make_engine  # noqa: PLC0415
    except ImportError:
        raise Misconfigured(
            "PostgreSQL needs the extra postgres: pip install 'consent-exchange[postgres]'"
        ) from None
    engine = make_engine(url.get_secret_value())
    try:
        yield engine.execution_options(isolation_level="READ COMMITTED")
    finally:
        engine.dispose()
