"""Erasing on request: own copies first, then the signed answer (Art. 17, 19 GDPR).

The hub's word alone erases nothing: the withdrawal behind a request must be signed. What the back
office has taken out of the spool it must confirm itself.
"""

import asyncio
import uuid
from dataclasses import replace

import structlog
from sqlalchemy import Connection

from exchange.agency import arrivals, spool, state
from exchange.agency.parts import Gateway
from exchange.agency.state import Erasing, Erasure, Received
from exchange.consent.withdrawal import may_end, read_withdrawal
from exchange.errors import (
    ExchangeError,
    Held,
    Malformed,
    NotFound,
    StatementNotAcceptable,
    TooLarge,
)
from exchange.statement import Kind, seconds, sign, verify
from exchange.wire import erasure, shapes

log = structlog.get_logger(__name__)


async def erase(gateway: Gateway) -> list[ExchangeError]:
    """Answer every open request to erase, as far as this gateway can; return what went wrong.

    Repeated after a crash: deleting again deletes nothing, and the stored answer is sent.
    """
    troubles: list[ExchangeError] = []
    for known in await gateway.state.read(state.list_erasures, Erasing.CONFIRMED):
        await _send(gateway, known)
    async for asked in gateway.client.every_erasure():
        if asked.to != gateway.agency or asked.state != "open":
            continue
        try:
            await _answer(gateway, asked)
        except (Held, StatementNotAcceptable, Malformed, TooLarge, NotFound) as trouble:
            log.error("erasure_held", disclosure_id=asked.id, code="statement-not-acceptable")
            troubles.append(trouble)
    return troubles


async def confirm(gateway: Gateway, erasure_id: str) -> None:
    """Confirm for the back office that it has erased what it had taken out of the spool.

    Raises:
        NotFound: there is no such request here, or it is answered already.
    """
    known = await gateway.state.read(state.find_erasure, erasure_id)
    if known is None or known.state is not Erasing.ASKED:
        raise NotFound("no request to erase with this id waits for the back office")
    async for asked in gateway.client.every_erasure():
        if asked.id == erasure_id and asked.to == gateway.agency:
            await _send(gateway, await _confirmed(gateway, asked))
            return
    raise NotFound("the hub no longer asks for this")


async def _answer(gateway: Gateway, asked: shapes.Erasure) -> None:
    known = await gateway.state.read(state.find_erasure, asked.id)
    if known is not None and known.state is not Erasing.DONE:
        return  # waits for the back office, or was sent above
    if known is not None:
        await _send(gateway, known)
        return
    await _check(gateway, asked)
    found = await gateway.state.read(arrivals.list_received, consent=asked.consent)
    taken = [received for received in found if await _was_taken(gateway, received)]
    if taken:
        waiting = Erasure(id=asked.id, consent=asked.consent, due=asked.due, state=Erasing.ASKED)
        await gateway.state.write(state.put_erasure, waiting)
        log.warning("erasure_asked", count=len(taken))
        return
    await _send(gateway, await _confirmed(gateway, asked))


async def _was_taken(gateway: Gateway, received: Received) -> bool:
    """Remove our own copies of one document; tell whether the back office has one."""
    await asyncio.to_thread(spool.remove, gateway.home, received.id, opened=True)
    if received.folder is None:
        return False
    return not await asyncio.to_thread(spool.remove_delivered, gateway.home, received.folder)


async def _check(gateway: Gateway, asked: shapes.Erasure) -> None:
    """Refuse a request without a signed withdrawal: anybody could destroy documents with it."""
    now = gateway.clock()
    known = await gateway.records.consent(
        now=now, digest=asked.consent, consent_id=asked.consent_id
    )
    given = (await gateway.client.consent(asked.consent_id)).withdrawal
    agreement = await gateway.records.agreement(known.record.agreement, now=now)
    if given is None or agreement is None:
        raise StatementNotAcceptable
    data = given.encode("utf-8")
    try:
        verified = verify(
            data, {Kind.WITHDRAWAL_ELECTRONIC}, {}, now=now, person=known.record.person_key
        )
    except StatementNotAcceptable:
        verified = await gateway.records.by_party(
            agreement.agreement, data, {Kind.WITHDRAWAL}, now=now
        )
    withdrawal = read_withdrawal(verified)
    if not may_end(withdrawal, known.record, agreement.scope):
        raise StatementNotAcceptable


async def _confirmed(gateway: Gateway, asked: shapes.Erasure) -> Erasure:
    answer = erasure.Erasure(
        id=str(uuid.uuid4()),
        iat=seconds(gateway.clock()),
        agency=gateway.agency,
        erasure=asked.id,
        consent=asked.consent,
        manifests=tuple(sorted(asked.manifests)),
    )
    confirmed = Erasure(
        id=asked.id,
        consent=asked.consent,
        due=asked.due,
        state=Erasing.CONFIRMED,
        statement=sign(Kind.ERASURE, answer.payload(), gateway.identity),
    )
    await gateway.state.write(_confirm, confirmed)
    gateway.records.forget_subject(confirmed.consent)
    # Files are gone and the answer is signed and stored. A crash here sends it at the next start.
    await gateway.state.erase_from_wal()
    return confirmed


def _confirm(conn: Connection, confirmed: Erasure) -> None:
    arrivals.mark_erased(conn, confirmed.consent)
    state.put_erasure(conn, confirmed)


async def _send(gateway: Gateway, confirmed: Erasure) -> None:
    await gateway.client.confirm_erasure(confirmed.id, confirmed.statement or b"")
    await gateway.state.write(state.put_erasure, replace(confirmed, state=Erasing.DONE))
    log.info("erased")
