"""Whether the hub can do its work now: database, vault and payloads answer, callers are known."""

from sqlalchemy import Connection, text

from exchange.hub import witnessed
from exchange.hub.parts import Hub

_NOBODY = "00000000-0000-4000-8000-000000000000"


async def ready(hub: Hub) -> bool:
    """Tell whether all is well; False if the log is behind, and only new disclosures wait for it.

    Then withdrawals must still come through: whoever spreads requests must not turn away.

    Raises:
        Unavailable: a disclosure could not be stored; the text does not say what is missing.
    """
    await hub.db.write(_answers)
    await hub.vault.orphans(before=hub.clock(), limit=1, after=_NOBODY)
    await hub.blobs.check()
    hub.directory.check()  # last: the others can take longer than it is trusted
    return hub.heads.has_room and not witnessed.late(hub)


def _answers(conn: Connection) -> None:
    conn.execute(text("SELECT 1"))
