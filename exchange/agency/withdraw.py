"""Pass on that a consent was withdrawn: one statement, stored, then sent until the hub has it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from exchange.agency import signed
from exchange.agency.agree import REFUSED
from exchange.agency.parts import Desk
from exchange.canonical import Json
from exchange.consent.withdrawal import By, Channel, EndReason, Withdrawal, payload
from exchange.errors import Malformed
from exchange.statement import Kind, seconds, sign
from exchange.wire import shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a person, or this agency, said about a consent; no free text."""

    by: By
    channel: Channel
    received_at: datetime | None = None
    """When it reached this agency; None means now."""
    reason: EndReason | None = None
    """Exactly when the collecting agency ends the consent itself."""

    def __post_init__(self) -> None:
        if (self.reason is not None) != (self.by is By.AGENCY):
            raise Malformed("a reason is given by the agency, and only by it")


async def withdraw(desk: Desk, consent_id: str, told: Told) -> shapes.Withdrawn:
    """End a consent at the hub; from its answer on no header under it is released.

    Called again, it hands in the first statement: repeating a withdrawal harms nothing.

    Args:
        desk: the parts; another process may be using the rest of the gateway.
        consent_id: id of the record.
        told: who withdrew, and how.

    Raises:
        NotFound: absent, or this agency may not read the record: it passes the wish on.
        Malformed: `told` gives a reason that is not its to give, or a time that lies ahead.
    """
    if told.received_at is not None and told.received_at > desk.clock():
        raise Malformed(
            "the time of --received lies ahead; give when it reached this agency, or leave it out"
        )
    name = f"withdrawal-{consent_id}.jws"
    data = signed.kept(desk.home, name)
    if data is None:
        named = (await desk.client.consent(consent_id)).consent
        data = sign(Kind.WITHDRAWAL, _payload(desk, named, told), desk.identity)
        # A crash after this sends the same bytes again; nobody is asked a second time.
        signed.keep(desk.home, name, data)
    try:
        return await desk.client.withdraw(consent_id, data)
    except REFUSED:
        signed.forget(desk.home, name)
        raise


def _payload(desk: Desk, consent: str, told: Told) -> dict[str, Json]:
    now = desk.clock().replace(microsecond=0)
    return payload(
        Withdrawal(
            digest="",  # of the statement, which is made from this
            kind=Kind.WITHDRAWAL,
            id=str(uuid4()),
            iat=seconds(now),
            consent=consent,
            agency=desk.agency,
            by=told.by,
            reason=told.reason,
            channel=told.channel,
            received_at=told.received_at or now,
        )
    )
