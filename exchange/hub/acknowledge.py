"""Store a recipient's signed answer: accepted, rejected or quarantined."""

from sqlalchemy import Connection

from exchange.audit import event
from exchange.errors import Malformed, NotFound, StatementNotAcceptable
from exchange.hub import repeat
from exchange.hub.gate import chain_for
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import consents, disclosures, log
from exchange.hub.storage.disclosures import OVER, Answer, Gated, State
from exchange.hub.storage.log import Chain
from exchange.statement import Kind, Verified, verify
from exchange.wire.acknowledgement import Acknowledgement, read_acknowledgement


async def acknowledge(
    hub: Hub, disclosure: str, caller: str, statement: bytes, *, once: Once | None
) -> tuple[State, Acknowledgement]:
    """Store `caller`'s answer to `disclosure`; return the state of the disclosure and the answer.

    When the last recipient has answered, the header goes. An answer to what has ended since the
    caller collected it is stored as well: it is evidence.

    Raises:
        NotFound: absent, not for this caller, or over before it collected.
        StatementNotAcceptable: not the caller's acknowledgement of this disclosure.
        Conflict: the caller has answered otherwise before.
    """
    found, chain = await hub.db.look(_seek, disclosure, caller)
    if found is None:
        raise NotFound
    now = hub.clock()
    identities = hub.directory.identities(caller, now=now)
    verified = verify(statement, (Kind.ACKNOWLEDGEMENT,), identities, now=now)
    answer = read_answer(verified, found)
    held = await chain_for(hub, chain)
    state = await hub.db.write(_acknowledge, hub, found.id, caller, (verified, answer, held), once)
    hub.news.tell([found.sender])
    return state, answer


def read_answer(verified: Verified, found: Gated) -> Acknowledgement:
    """Return the acknowledgement in `verified`, or refuse it: it must name this very manifest."""
    try:
        answer = read_acknowledgement(verified)
    except Malformed as error:
        raise StatementNotAcceptable from error
    if answer.manifest != found.digest:
        raise StatementNotAcceptable
    return answer


def _seek(conn: Connection, disclosure: str, caller: str) -> tuple[Gated | None, str | None]:
    found = _known(conn, disclosure, caller)
    filed = None if found is None else consents.filed(conn, found.consent)
    return found, None if filed is None else filed.chain


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
) -> State:
    verified, answer, chain = given
    found = _known(conn, disclosure, caller)
    if found is None:
        raise NotFound
    consents.find(conn, found.consent)  # locks: a withdrawal waits, or we see what it did
    found = _known(conn, disclosure, caller)
    if found is None:
        raise NotFound
    if found.acknowledgement == verified.statement:
        return found.state  # a repetition after a lost answer
    now = hub.clock()
    repeat.claim(conn, once, now=now)
    state = disclosures.acknowledge(
        conn,
        found,
        caller,
        Answer(
            statement=verified.statement,
            result=answer.result.value,
            reason=None if answer.reason is None else answer.reason.value,
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
    log.record(conn, chain, acknowledged)
    return state
