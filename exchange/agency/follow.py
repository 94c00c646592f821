"""What became of what was sent: states by the hub's word, acknowledgements by signature.

An acknowledgement counts when its recipient's pinned identity signed it over this very manifest;
it is the sender's receipt and is kept.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection

from exchange.agency import state
from exchange.agency.events import EventKind, happened
from exchange.agency.parts import Gateway
from exchange.agency.state import WAITING, Sending, Sent
from exchange.errors import ExchangeError, Held, NotFound, StatementNotAcceptable
from exchange.statement import Kind
from exchange.wire import shapes
from exchange.wire.acknowledgement import Acknowledgement, read_acknowledgement

NOT_ACCEPTABLE = "statement-not-acceptable"
"""Reason shown where the hub delivered an acknowledgement that its recipient did not sign."""

_EVENTS: Final[Mapping[object, EventKind]] = {
    Sending.COLLECTED.value: EventKind.COLLECTED,
    Sending.ACKNOWLEDGED.value: EventKind.ACKNOWLEDGED,
    Sending.EXPIRED.value: EventKind.EXPIRED,
    Sending.ENDED.value: EventKind.ENDED,
}

FORGOTTEN: Final = "ask its operator whether a backup was restored, and send the document again"

log = structlog.get_logger(__name__)


async def follow(gateway: Gateway) -> list[ExchangeError]:
    """Ask about every disclosure that may still change; return what went wrong, oldest first."""
    troubles: list[ExchangeError] = []
    for sent in await gateway.state.read(state.list_sent, WAITING):
        try:
            await _follow(gateway, sent)
        except (StatementNotAcceptable, Held, NotFound) as trouble:
            word = trouble.code if isinstance(trouble, NotFound) else NOT_ACCEPTABLE
            if isinstance(trouble, NotFound):
                trouble.add_note(f"the hub no longer knows disclosure {sent.id}: {FORGOTTEN}")
            log.error("not_followed", disclosure_id=sent.id, code=word)
            await gateway.state.write(state.change_sent, sent.id, {"reason": word})
            troubles.append(trouble)
    return troubles


async def _follow(gateway: Gateway, sent: Sent) -> None:
    found = await gateway.client.disclosure(sent.id)
    if (found.id, found.manifest) != (sent.id, sent.digest):
        raise StatementNotAcceptable("the hub speaks of another disclosure")
    answers = [
        await _verified(gateway, sent, recipient)
        for recipient in found.recipients
        if recipient.acknowledgement is not None
    ]
    collected = [recipient.collected_at for recipient in found.recipients if recipient.collected_at]
    change: dict[str, object] = {"collected_at": min(collected, default=None)}
    missing = set(sent.recipients.split(",")) - {answer.agency for answer in answers}
    if not missing:
        worst = max(answers, key=lambda answer: answer.reason is not None)
        change |= {
            "state": Sending.ACKNOWLEDGED.value,
            "result": worst.result.value,
            "reason": None if worst.reason is None else worst.reason.value,
        }
    elif found.state in {"expired", "ended"}:
        change |= {"state": Sending(found.state).value}
    elif collected:
        change |= {"state": Sending.COLLECTED.value}
    await gateway.state.write(_change, sent, change, gateway.clock())


def _change(conn: Connection, sent: Sent, change: Mapping[str, object], now: datetime) -> None:
    """Write what became of a disclosure; the first time that it did, it has happened."""
    state.change_sent(conn, sent.id, change)
    kind = _EVENTS.get(change.get("state"))
    if kind is not None and change["state"] != sent.state.value:
        result = change.get("result")
        happened(conn, kind, sent.id, now, reason=None if result is None else str(result))


async def _verified(
    gateway: Gateway, sent: Sent, recipient: shapes.RecipientState
) -> Acknowledgement:
    data = (recipient.acknowledgement or "").encode("utf-8")
    # Also by an identity that was pinned when the document was sealed and has been succeeded.
    verified = await gateway.partners.verify(
        data, {Kind.ACKNOWLEDGEMENT}, now=gateway.clock(), before=True
    )
    answer = read_acknowledgement(verified)
    if (answer.agency, answer.manifest) != (recipient.agency, sent.digest):
        raise StatementNotAcceptable("the acknowledgement is about another disclosure")
    await gateway.state.write(
        state.add_answer,
        sent.id,
        answer.agency,
        statement=data,
        result=answer.result.value,
        reason=None if answer.reason is None else answer.reason.value,
    )
    return answer
