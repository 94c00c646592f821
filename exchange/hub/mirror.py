"""Brings the mirror of agencies up to what was committed; see `exchange.hub.directory`."""

from sqlalchemy import Connection

from exchange.hub.directory import Identity
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies

PAGE = 200
"""Agencies read at once."""


async def refresh(hub: Hub) -> None:
    """Take over the agencies and identities of the last commit; before the change is answered.

    One after the other: two changes at once would otherwise take over what the earlier one read
    last, and an agency just suspended would go on calling.
    """
    async with hub.directory.turn:
        hub.directory.replace(await hub.db.read(registered))


def registered(conn: Connection) -> list[Identity]:
    """Return every identity of every agency."""
    found: list[Identity] = []
    after: str | None = None
    while page := agencies.listed(conn, after=after, limit=PAGE):
        for agency in page:
            found.extend(
                Identity(one.card, one.until, agency.state == "active")
                for one in agencies.identities_of(conn, agency.id)
            )
        after = page[-1].id
    return found
