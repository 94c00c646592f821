"""Take back what nobody has collected: wrong recipient, wrong file."""

from exchange.agency import state
from exchange.agency.events import EventKind
from exchange.agency.parts import Gateway
from exchange.agency.send import alone, over, remove_sealed
from exchange.agency.state import Sending, Sent
from exchange.agency.threads import off_loop
from exchange.errors import Conflict, NotFound

RECALLED = "recalled"
"""Reason of a disclosure that its sender has taken back."""


async def recall(gateway: Gateway, disclosure_id: str) -> Sent:
    """Take a disclosure back, and return it; a second time changes nothing.

    What still waits in the out-spool never leaves; of what the hub has, nobody gets the key.

    Raises:
        NotFound: this agency has sent no such disclosure, or it has been collected meanwhile.
        Conflict: it is being uploaded at this moment, or is over.
        Unavailable: the hub cannot be reached; nothing has changed.
    """
    with alone(gateway, disclosure_id) as free:
        sent = await gateway.state.read(state.find_sent, disclosure_id)
        if sent is None:
            raise NotFound("this agency has sent no disclosure with this id")
        if not free:
            raise Conflict("the disclosure is being uploaded at this moment; try again")
        if sent.state is Sending.ENDED and sent.reason == RECALLED:
            return sent
        if sent.state not in {Sending.SEALED, Sending.LODGED, Sending.STORED}:
            raise Conflict("the disclosure has been collected or is over; nothing can be recalled")
        await _at_hub(gateway, sent)
        # A crash before this asks the hub again, which answers in the same way.
        await gateway.state.write(
            over, sent, Sending.ENDED, gateway.clock(), EventKind.ENDED, RECALLED
        )
        await off_loop(sent.size, remove_sealed, gateway, sent.id)
        found = await gateway.state.read(state.find_sent, disclosure_id)
        return found or sent


async def _at_hub(gateway: Gateway, sent: Sent) -> None:
    try:
        await gateway.client.recall(sent.id)
    except NotFound:
        if sent.state is not Sending.SEALED:
            raise
        # Sealed and never uploaded as a whole: the hub knows nothing of it, or half of it, which
        # without its end is nothing.
