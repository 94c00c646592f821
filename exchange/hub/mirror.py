"""Brings the mirror of agencies up to what was committed; see `exchange.hub.directory`."""

from sqlalchemy import Connection

from exchange.hub.directory import Identity
from exchange.hub.parts import Hub
from exchange.hub.storage import watching
from exchange.hub.storage.watching import Version
from exchange.keyid import IdentityCard


async def refresh(hub: Hub) -> None:
    """Take over a change that was just committed here, before it is answered; tell the others."""
    await take_over(hub)
    hub.line.agencies()


async def take_over(hub: Hub) -> None:
    """Take over the agencies and identities of the last commit.

    One after the other: two changes at once would otherwise take over what the earlier one read
    last, and an agency just suspended would go on calling.
    """
    async with hub.directory.turn:
        seen, identities = await hub.db.read(registered)
        hub.directory.replace(identities, version=seen)


def registered(conn: Connection) -> tuple[Version, list[Identity]]:
    """Return every identity of every agency, and the version they have at least.

    The version is read first: what is committed in between makes the identities newer than it
    says, and the next look reads them again.
    """
    seen = watching.version(conn)
    found = [
        Identity(
            IdentityCard(row.agency, row.ed25519, row.ml_dsa_65), row.until, row.state == "active"
        )
        for row in watching.everybody(conn)
    ]
    return seen, found
