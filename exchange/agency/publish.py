"""What this agency says of itself in the directory: its key statement and what it can receive.

The statement is re-issued every week and sent until the hub has it; its exact bytes are stored
before they are sent.
"""

import structlog

from exchange.agency.parts import Gateway
from exchange.agency.publish_keys import settle
from exchange.errors import NotFound, Unauthenticated
from exchange.wire import shapes

log = structlog.get_logger(__name__)


async def publish(gateway: Gateway, capabilities: shapes.Capabilities | None = None) -> None:
    """Bring the directory up to date; one question when nothing has changed.

    Args:
        gateway: the parts.
        capabilities: what the intake takes; None leaves what was published.

    Raises:
        Unauthenticated: the hub's operator has not admitted this agency.
        Held: the directory holds a key statement of this agency that was not made here.
    """
    try:
        entry = await gateway.client.agency(gateway.agency)
    except NotFound:
        raise Unauthenticated("the hub does not know this agency") from None
    await _publish_keys(gateway, entry)
    if capabilities is not None and entry.capabilities != capabilities:
        await gateway.client.put_capabilities(gateway.agency, capabilities)


async def _publish_keys(gateway: Gateway, entry: shapes.Agency) -> None:
    now = gateway.clock()
    known = entry.key_statement.encode("utf-8") if entry.key_statement else None
    sent = await settle(gateway.ring, gateway.client, known, now=now)
    if gateway.ring.due(now=now):
        # Durable here before the hub hears of it: a crash in between sends the same bytes again.
        sent = gateway.ring.announce(now=now)
        await gateway.client.put_key_statement(gateway.agency, sent.statement)
    if sent is not None:
        log.info("key_statement_published", agency=gateway.agency)
