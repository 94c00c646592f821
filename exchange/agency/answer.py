"""Step 18 of receiving: one signed acknowledgement per disclosure, persisted before it is sent."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from exchange.agency import arrivals, spool
from exchange.agency.awaited import Awaited, await_receipt
from exchange.agency.events import EventKind, happened_once
from exchange.agency.handed import Delivery, expect
from exchange.agency.log_points import ACKNOWLEDGED
from exchange.agency.parts import Gateway
from exchange.agency.prove import owe
from exchange.agency.state import Delivered, Received, Receiving
from exchange.agency.threads import off_loop
from exchange.errors import Conflict, ExchangeError, NotFound, NotPermitted
from exchange.statement import Kind, seconds, sign
from exchange.wire.acknowledgement import Acknowledgement, Reason, Result

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What an accepted disclosure became here."""

    folder: str
    """Its name in the spool."""
    files: tuple[Delivered, ...]
    """What came with it, so that it is known when it is sent on."""
    purpose_binding: str | None
    """SHA-256 of the notice on purpose and secrecy, where one is due to this agency."""
    expected: tuple[Delivery, ...] = ()
    """To which systems of the agency it is handed on."""


async def decide_answer(
    gateway: Gateway,
    received: Received,
    result: Result,
    reason: Reason | None = None,
    *,
    handed: Handed | None = None,
) -> Received:
    """Sign what became of a disclosure, and persist it; nothing is sent yet.

    From the commit on this is the one answer: a crash at any later point repeats it.

    Args:
        gateway: the parts.
        received: as it stands.
        result: accepted, rejected or quarantined.
        reason: None exactly when accepted.
        handed: what it became, when accepted.
    """
    answer = Acknowledgement(
        id=str(uuid.uuid4()),
        iat=seconds(gateway.clock()),
        agency=gateway.agency,
        manifest=received.digest,
        result=result,
        reason=reason,
        purpose_binding=None if handed is None else handed.purpose_binding,
    )
    decided = replace(
        received,
        state=Receiving.DECIDED,
        folder=None if handed is None else handed.folder,
        result=result.value,
        reason=None if reason is None else reason.value,
        acknowledgement=sign(Kind.ACKNOWLEDGEMENT, answer.payload(), gateway.identity),
    )
    files = () if handed is None else handed.files
    expected = () if handed is None else handed.expected
    await gateway.state.write(_decide, decided, files, expected)
    gateway.origins.note(files)
    return decided


def _decide(
    conn: Connection,
    decided: Received,
    files: Sequence[Delivered],
    expected: Sequence[Delivery],
) -> None:
    arrivals.decide_received(conn, decided, files)
    expect(conn, expected)


async def finish(gateway: Gateway, decided: Received) -> None:
    """Move an accepted document into the spool, send the acknowledgement, remove the rest.

    Repeated after a crash: the move happens once, because its source is gone then; the hub takes
    the same acknowledgement again.

    Raises:
        Unavailable: the hub cannot be reached; the next round repeats it.
    """
    if decided.folder is not None:
        await asyncio.to_thread(spool.move_in, gateway.home, decided.id, decided.folder)
    try:
        owed = await _send(gateway, decided)
    except ExchangeError:
        # It lies where people find it; that the hub is away must not keep it from them.
        await gateway.state.write(_happened, decided, gateway.clock())
        raise
    done = replace(decided, state=Receiving.DONE)
    await gateway.state.write(_finish, done, owed, gateway.clock())
    # The hub has the answer. What a crash leaves of the sealed document here is swept.
    if decided.reason != Reason.REPLAY:  # what is here then belongs to the first of the two
        aside = decided.result == Result.QUARANTINED
        await off_loop(decided.size, spool.remove, gateway.home, decided.id, opened=not aside)
    log.info("acknowledged", disclosure_id=decided.id, code=decided.reason or "accepted")


def _happened(conn: Connection, decided: Received, now: datetime) -> None:
    if decided.folder is not None:
        happened_once(conn, EventKind.RECEIVED, decided.id, now, folder=decided.folder)
    elif decided.result == Result.QUARANTINED:
        happened_once(conn, EventKind.QUARANTINED, decided.id, now, reason=decided.reason)


def _finish(conn: Connection, done: Received, owed: Awaited | None, now: datetime) -> None:
    arrivals.put_received(conn, done)
    _happened(conn, done, now)
    if owed is not None:
        await_receipt(conn, owed)


async def repeat(gateway: Gateway, done: Received) -> None:
    """Send a stored acknowledgement again: the hub offers what was answered already."""
    await _send(gateway, done)


async def _send(gateway: Gateway, decided: Received) -> Awaited | None:
    """Hand the acknowledgement in; return the receipt that the log owes for it."""
    try:
        answered = await gateway.client.acknowledge(decided.id, decided.acknowledgement or b"")
    except (NotFound, NotPermitted, Conflict) as refused:
        # It has ended in the meantime, or another answer stands. Ours is kept as evidence, and
        # repeating it would change nothing.
        log.warning("acknowledgement_refused", disclosure_id=decided.id, code=refused.code)
        return None
    return owe(gateway, ACKNOWLEDGED, decided.digest, decided.id, answered.receipt)
