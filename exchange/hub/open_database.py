"""Open the database that the settings name; the library for PostgreSQL only where it is one."""

from collections.abc import Callable

from exchange.errors import Misconfigured
from exchange.hub.settings import HubSettings
from exchange.hub.storage import schema
from exchange.hub.storage.engine import HubDatabase, open_file


def open_database(settings: HubSettings, *, on_failure: Callable[[], None]) -> HubDatabase:
    """Open PostgreSQL where `database_url` is set, else the SQLite file in `home`, or make it.

    Args:
        settings: validated.
        on_failure: called once after a COMMIT failed on SQLite; the process must stop.

    Raises:
        Misconfigured: another process uses the file, the server does not answer or can forget
            what it acknowledged, the schema is not ours, or the library is not installed.
    """
    if settings.database_url is None:
        writer = settings.writer
        return open_file(
            settings.home, on_failure=on_failure, batch=writer.batch, queue=writer.queue
        )
    try:
        # Here and not above: the driver is installed with the extra only.
        from exchange.hub.storage.postgres import Pools, PostgresDatabase  # noqa: PLC0415
    except ImportError:
        raise Misconfigured(
            "database_url needs the extra postgres: pip install 'consent-exchange[postgres]'"
        ) from None
    given = settings.postgres
    return PostgresDatabase(
        settings.database_url.get_secret_value(),
        schema.check,
        pools=Pools(
            connections=given.connections,
            urgent=given.urgent,
            readers=given.readers,
            queue=settings.writer.queue,
            wait_s=given.wait_s,
        ),
        failover=given.failover,
    )
