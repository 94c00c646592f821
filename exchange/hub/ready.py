"""Whether the hub can do its work now: database, vault and payloads answer, callers are known."""

from sqlalchemy import Connection, text

from exchange.hub.parts import Hub

_NOBODY = "00000000-0000-4000-8000-000000000000"


async def ready(hub: Hub) -> None:
    """Return if a disclosure could be stored now.

    Raises:
        Unavailable: it could not; the text does not say which part is missing.
    """
    await hub.db.write(_answers)
    await hub.vault.orphans(before=hub.clock(), limit=1, after=_NOBODY)
    await hub.blobs.check()
    hub.directory.check()  # last: the others can take longer than it is trusted


def _answers(conn: Connection) -> None:
    conn.execute(text("SELECT 1"))
