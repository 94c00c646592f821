"""Store a recipient's signed answer: accepted, rejected or quarantined."""

from dataclasses import dataclass

from sqlalchemy import Connection

from exchange.audit import event
from exchange.consent import binding
from exchange.errors import Malformed, NotFound, StatementNotAcceptable
from exchange.hub import gate, repeat
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import consents, disclosures, log
from exchange.hub.storage.disclosures import OVER, Answer, Gated, State
from exchange.hub.storage.log import Chain
from exchange.hub.stored import context_of
from exchange.statement import Kind, Verified, verify
from exchange.vocabulary import Scope
from exchange.wire.acknowledgement import Acknowledgement, Result, read_acknowledgement
from exchange.wire.asked import asked_by_manifest


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A recipient's answer that is stored."""

    state: State
    """Of the disclosure."""
    answer: Acknowledgement
    receipt: str | None
    """Name of the entry that records it."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A disclosure that exists for the caller, with what never changes about it."""

    disclosure: Gated
    chain: str
    scope: Scope
    """Of the agreement it was sent under."""


async def acknowledge(
    hub: Hub, disclosure: str, caller: str, statement: bytes, *, once: Once | None
) -> Acknowledged:
    """Store `caller`'s answer to `disclosure`; a repetition gets the first receipt.

    When the last recipient has answered, the header goes. An answer to what has ended since the
    caller collected it is stored as well: it is evidence.

    Raises:
        NotFound: absent, not for this caller, or over before it collected.
        StatementNotAcceptable: not the caller's acknowledgement of this disclosure, or it accepts
            without confirming the notice on purpose and secrecy where that is due.
        Conflict: the caller has answered otherwise before.
    """
    known = await hub.db.look(_seek, hub, disclosure, caller)
    if known is None:
        raise NotFound
    found = known.disclosure
    now = hub.clock()
    identities = hub.directory.identities(caller, now=now)
    verified = verify(statement, (Kind.ACKNOWLEDGEMENT,), identities, now=now)
    answer = read_answer(verified, found)
    _check_binding(answer, known, caller)
    held = await gate.chain_for(hub, known.chain)
    given = (verified, answer, held)
    stored = await hub.db.write(_acknowledge, hub, found.id, caller, given, once)
    hub.news.tell([found.sender])
    return stored


def read_answer(verified: Verified, found: Gated) -> Acknowledgement:
    """Return the acknowledgement in `verified`, or refuse it: it must name this very manifest."""
    try:
        answer = read_acknowledgement(verified)
    except Malformed as error:
        raise StatementNotAcceptable from error
    if answer.manifest != found.digest:
        raise StatementNotAcceptable
    return answer


def _check_binding(answer: Acknowledgement, known: _Known, caller: str) -> None:
    """Refuse an acceptance that does not name the notice exactly where one is due (§ 78 SGB X)."""
    if answer.result is not Result.ACCEPTED:
        return
    if not binding.is_due(known.scope, [caller]):
        confirmed = answer.purpose_binding is None
    else:
        asked = asked_by_manifest(context_of(known.disclosure.manifest))
        stated = answer.purpose_binding or ""
        confirmed = binding.named(stated, asked, known.scope) is not None
    if not confirmed:
        raise StatementNotAcceptable


def _seek(conn: Connection, hub: Hub, disclosure: str, caller: str) -> _Known | None:
    found = _known(conn, disclosure, caller)
    filed = None if found is None else consents.filed(conn, found.consent)
    if found is None or filed is None:
        return None
    _, scope = gate.agreement_of(conn, hub, filed.agreement)
    return _Known(found, filed.chain, scope)


def _known(conn: Connection, disclosure: str, caller: str) -> Gated | None:
    """Return a disclosure that exists for `caller`: what ended before it collected does not."""
    found = disclosures.gated(conn, disclosure, caller)
    if found is None or (found.state in OVER and found.collected_at is None):
        return None
    return found


def _acknowledge(
    conn: Connection,
    hub: Hub,
    disclosure: str,
    caller: str,
    given: tuple[Verified, Acknowledgement, Chain],
    once: Once | None,
) -> Acknowledged:
    verified, answer, chain = given
    found = _known(conn, disclosure, caller)
    if found is None:
        raise NotFound
    consents.find(conn, found.consent)  # locks: a withdrawal waits, or we see what it did
    found = _known(conn, disclosure, caller)
    if found is None:
        raise NotFound
    if found.acknowledgement == verified.statement:
        # A repetition after a lost answer.
        return Acknowledged(found.state, answer, found.acknowledged_receipt)
    now = hub.clock()
    repeat.claim(conn, once, now=now)
    rid = log.name()
    state = disclosures.acknowledge(
        conn,
        found,
        caller,
        Answer(
            statement=verified.statement,
            result=answer.result.value,
            reason=None if answer.reason is None else answer.reason.value,
            receipt=rid,
        ),
        at=now,
    )
    acknowledged = event.disclosure_acknowledged(
        at=now,
        by=caller,
        manifest=found.digest,
        statement=verified.digest,
        result=answer.result.value,
    )
    log.record(conn, chain, acknowledged, rid=rid)
    return Acknowledged(state, answer, rid)
