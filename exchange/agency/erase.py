"""Erasing on request: own copies first, then the signed answer (Art. 17, 19 GDPR).

The hub's word alone erases nothing: the withdrawal behind a request must be signed. A withdrawal
with the person's code is not: then people look and confirm, and nothing is removed before. What the
back office has taken out of the spool it must confirm itself too, and so what it got onward.
"""

import asyncio
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from exchange.agency import arrivals, halves, spool, state
from exchange.agency.awaited import Awaited, await_receipt
from exchange.agency.events import EventKind, happened, happened_once
from exchange.agency.handed import forget_handed, is_passed_on
from exchange.agency.log_points import CONFIRMED, WITHDRAWN
from exchange.agency.parts import Gateway
from exchange.agency.prove import owe
from exchange.agency.state import Erasing, Erasure, Received
from exchange.canonical import digest
from exchange.consent.withdrawal import is_by_code, may_end, read_withdrawal
from exchange.days import day_of
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

_ANSWERED = "no request to erase with this id waits for the back office"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Answers:
    """What one look at the open requests to erase has done."""

    erased: int = 0
    """Requests that are answered: every copy here is gone."""
    asked: int = 0
    """Requests that are new and wait for people."""
    troubles: list[ExchangeError] = field(default_factory=list)
    """What did not work and will be tried again."""


async def erase(gateway: Gateway) -> Answers:
    """Answer every open request to erase, as far as this gateway can.

    Repeated after a crash: deleting again deletes nothing, and the stored answer is sent.
    """
    done = Answers()
    for known in await gateway.state.read(state.list_erasures, Erasing.CONFIRMED):
        await _send(gateway, known)
        done.erased += 1
    async for asked in gateway.client.every_erasure():
        if asked.to != gateway.agency or asked.state != "open":
            continue
        try:
            await _answer(gateway, asked, done)
        except (Held, StatementNotAcceptable, Malformed, TooLarge, NotFound) as trouble:
            log.error("erasure_held", disclosure_id=asked.id, code="statement-not-acceptable")
            done.troubles.append(trouble)
    return done


async def confirm(
    gateway: Gateway,
    erasure_id: str,
    *,
    kept: erasure.Kept | None = None,
    passed_on: frozenset[str] = frozenset(),
) -> None:
    """Say for the back office what became of what it had taken out of the spool.

    Args:
        gateway: the parts.
        erasure_id: of the request.
        kept: what a lawful ground forbids to erase, fenced off until a day; None: all is erased.
        passed_on: agencies that lawfully got it onward; parties among them are asked in turn.

    Raises:
        NotFound: there is no such request here, or it is answered already.
        Malformed: what was disclosed unlawfully is kept for legal claims only, and nothing is
            kept until a day that has passed.
    """
    known = await gateway.state.read(state.find_erasure, erasure_id)
    if known is None or known.state is not Erasing.ASKED:
        raise NotFound(_ANSWERED)
    async for asked in gateway.client.every_erasure():
        if asked.id == erasure_id and asked.to == gateway.agency:
            _check_kept(gateway, asked, kept)
            if kept is None:
                await _unmark(gateway, asked)
                await _remove(gateway, asked)
            confirmed = await _confirmed(gateway, asked, kept=kept, passed_on=passed_on)
            await _send(gateway, confirmed)
            return
    raise NotFound("the hub no longer asks for this")


def _check_kept(gateway: Gateway, asked: shapes.Erasure, kept: erasure.Kept | None) -> None:
    """Refuse here what the hub would refuse: the answer is signed and stored only once."""
    if kept is None:
        return
    if asked.reason == "unlawful" and kept.ground is not erasure.Ground.LEGAL_CLAIMS:
        raise Malformed("what was disclosed unlawfully is kept for legal-claims only")
    if kept.until < day_of(gateway.clock()):
        raise Malformed("nothing is kept until a day that has passed")


async def _answer(gateway: Gateway, asked: shapes.Erasure, done: Answers) -> None:
    known = await gateway.state.read(state.find_erasure, asked.id)
    if known is not None and known.state is not Erasing.DONE:
        return  # waits for the back office, or was sent above
    if known is not None:
        await _send(gateway, known)
        return
    if asked.reason == "unlawful":
        await _mark(gateway, asked)
    if left := await _left_to_people(gateway, asked):
        await _wait_for_people(gateway, asked, left)
        done.asked += 1
        return
    await _send(gateway, await _confirmed(gateway, asked))
    done.erased += 1


async def _left_to_people(gateway: Gateway, asked: shapes.Erasure) -> int:
    """Remove the copies here, where that may be done; return how many documents people look for.

    On the hub's word alone nothing is removed, so then at least one.
    """
    if asked.passed_on_by is not None:
        # Not ours to verify: the record is hidden from whoever got documents onward.
        return max(1, len(asked.disclosures))
    if not await _is_signed(gateway, asked):
        return max(1, len(asked.manifests))
    return await _remove(gateway, asked)


async def _wait_for_people(gateway: Gateway, asked: shapes.Erasure, count: int) -> None:
    waiting = Erasure(id=asked.id, consent=asked.consent, due=asked.due, state=Erasing.ASKED)
    await gateway.state.write(_ask, waiting, gateway.clock())
    log.warning("erasure.asked", count=count, code=asked.reason)


async def _mark(gateway: Gateway, asked: shapes.Erasure) -> None:
    """Say beside every delivered document that nobody may use it; on the hub's word alone.

    A mark destroys nothing, and it must not wait until a withdrawal is verified.
    """
    for folder in await _folders(gateway, asked):
        await asyncio.to_thread(spool.mark, gateway.home, folder)


async def _unmark(gateway: Gateway, asked: shapes.Erasure) -> None:
    for folder in await _folders(gateway, asked) if asked.reason == "unlawful" else ():
        await asyncio.to_thread(spool.unmark, gateway.home, folder)


async def _folders(gateway: Gateway, asked: shapes.Erasure) -> list[str]:
    found = await gateway.state.read(arrivals.list_concerned, asked.consent, asked.disclosures)
    return [received.folder for received in found if received.folder is not None]


async def _remove(gateway: Gateway, asked: shapes.Erasure) -> int:
    """Remove our own copies under the consent; return how many the back office had taken."""
    found = await gateway.state.read(arrivals.list_received, consent=asked.consent)
    return len([received for received in found if await _was_taken(gateway, received)])


async def _was_taken(gateway: Gateway, received: Received) -> bool:
    """Remove our own copies of one document; tell whether the back office has one."""
    await asyncio.to_thread(spool.remove, gateway.home, received.id, opened=True)
    # Looked up now: until a moment ago somebody could let it out of quarantine.
    found = await gateway.state.read(arrivals.find_received, received.id)
    folders = [one.folder for one in found if one.folder is not None]
    if not folders:
        return False
    # The folder first: a delivery that begins afterwards finds nothing to hand on.
    removed = [
        await asyncio.to_thread(spool.remove_delivered, gateway.home, folder) for folder in folders
    ]
    await asyncio.to_thread(halves.remove, gateway, received.id)
    return not all(removed) or await gateway.state.read(is_passed_on, received.id)


async def _is_signed(gateway: Gateway, asked: shapes.Erasure) -> bool:
    """Tell whether the withdrawal behind a request is signed, or was made with the person's code.

    The log owes its receipt from here on, to which the hub's status notes are held.

    Raises:
        StatementNotAcceptable: there is none: anybody could destroy documents with the request.
    """
    now = gateway.clock()
    known = await gateway.records.consent(
        now=now, digest=asked.consent, consent_id=asked.consent_id
    )
    shown = await gateway.client.consent(asked.consent_id)
    given = shown.withdrawal
    await _owe_withdrawal(gateway, asked, shown.withdrawal_receipt)
    agreement = await gateway.records.agreement(known.record.agreement, now=now)
    if given is None or agreement is None:
        raise StatementNotAcceptable
    data = given.encode("utf-8")
    if is_by_code(data, asked.consent):
        return False
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
    return True


async def _owe_withdrawal(gateway: Gateway, asked: shapes.Erasure, path: str | None) -> None:
    """Let the log owe the receipt of a withdrawal; of one from before there was a log is none."""
    if path is not None:
        owed = owe(gateway, WITHDRAWN, asked.consent, asked.consent_id, path)
        await gateway.state.write(await_receipt, replace(owed, own=False))


async def _confirmed(
    gateway: Gateway,
    asked: shapes.Erasure,
    *,
    kept: erasure.Kept | None = None,
    passed_on: frozenset[str] = frozenset(),
) -> Erasure:
    answer = erasure.Erasure(
        id=str(uuid.uuid4()),
        iat=seconds(gateway.clock()),
        agency=gateway.agency,
        erasure=asked.id,
        consent=asked.consent,
        manifests=tuple(sorted(asked.manifests)),
        kept=kept,
        passed_on=passed_on,
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
    known = state.find_erasure(conn, confirmed.id)
    if known is not None and known.state is not Erasing.ASKED:  # two people, at the same moment
        raise NotFound(_ANSWERED)
    forget_handed(conn, arrivals.ids_under(conn, confirmed.consent))
    arrivals.mark_erased(conn, confirmed.consent)
    state.put_erasure(conn, confirmed)


async def _send(gateway: Gateway, confirmed: Erasure) -> None:
    statement = confirmed.statement or b""
    answered = await gateway.client.confirm_erasure(confirmed.id, statement)
    owed = owe(gateway, CONFIRMED, digest(statement), confirmed.id, answered.receipt)
    done = replace(confirmed, state=Erasing.DONE)
    await gateway.state.write(_sent, done, owed, gateway.clock())
    log.info("erased")


def _ask(conn: Connection, waiting: Erasure, now: datetime) -> None:
    state.put_erasure(conn, waiting)
    happened(conn, EventKind.ERASURE_ASKED, waiting.id, now)


def _sent(conn: Connection, done: Erasure, owed: Awaited, now: datetime) -> None:
    state.put_erasure(conn, done)
    await_receipt(conn, owed)
    happened_once(conn, EventKind.ERASURE_DONE, done.id, now)
