"""An agency publishes what it can receive; senders read it before they seal."""

from sqlalchemy import Connection

from exchange import canonical
from exchange.errors import TooLarge
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies

LARGEST = 64 * 1024
"""Bytes of what one agency publishes."""


async def publish_capabilities(hub: Hub, agency: str, capabilities: canonical.Json) -> None:
    """Store what `agency` can receive, in place of what it said before.

    Raises:
        TooLarge: nobody could read it again: with what it leaves out it has become too long.
    """
    encoded = canonical.encode(capabilities)
    if len(encoded) > LARGEST:
        raise TooLarge("what an agency publishes of itself is too long")
    await hub.db.write(_publish, agency, encoded)


def _publish(conn: Connection, agency: str, capabilities: bytes) -> None:
    agencies.publish_capabilities(conn, agency, capabilities)


def largest_accepted(capabilities: bytes | None, otherwise: int) -> int:
    """Return the largest sealed document in bytes an agency takes, as it has published."""
    if capabilities is None:
        return otherwise
    stated = canonical.loads(capabilities, limit=LARGEST).get("max_size")
    return stated if isinstance(stated, int) else otherwise
