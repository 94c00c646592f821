"""Answer "may I?": what the gate would say now, without doing it and without a trace."""

from datetime import datetime

from exchange.consent.decision import Asked, Deny
from exchange.errors import NotPermitted
from exchange.hub import gate
from exchange.hub.parts import Hub


async def answer_decision(hub: Hub, asked: Asked) -> datetime:
    """Return the moment of a yes; the disclosure itself is decided on again.

    Args:
        hub: the parts.
        asked: with the caller as its sender.

    Raises:
        NotPermitted: absent, hidden or denied; the caller cannot tell which.
        Unavailable: this database may have forgotten something.
    """
    gate.require_certain(hub)
    vetoed = await gate.vetoes(hub, asked)
    examined = await hub.db.read(gate.examine, hub, asked, vetoed=vetoed)
    if isinstance(examined.decision, Deny):
        raise NotPermitted
    return examined.decision.decided_at
