"""Ask a partner for documents, or to seek a consent; the answer is a disclosure or silence.

Whoever asks sees `open` until the deadline and `closed` from then on, whatever has happened:
refused, never asked for, answered and withdrawn again, and forgotten are one face.
"""

from sqlalchemy import Connection

from exchange.agreement.force import in_force
from exchange.audit import event
from exchange.consent.record import ConsentRecord
from exchange.errors import Malformed, StatementNotAcceptable, TooMany, Unavailable
from exchange.hub import repeat
from exchange.hub.gate import chain_for
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import agencies, agreements, consents, log, notices, requests
from exchange.hub.storage.log import Chain
from exchange.hub.storage.requests import Request
from exchange.rules import refused
from exchange.statement import Kind, Verified, verify
from exchange.wire.request import DocumentRequest, check_request, read_request


async def request_document(
    hub: Hub, caller: str, statement: bytes, *, once: Once | None
) -> Request:
    """Store what `caller` asks of a partner and tell the partner; a repetition gets the first.

    Raises:
        StatementNotAcceptable: not a request of this caller, its deadline has passed, the asked
            agency does not take part, or it names a consent that this caller may not read.
        LintRefused: it asks for what agreement or consent do not cover; see `check_request`.
        Conflict: its id was used for another statement.
        TooMany: as many requests of this caller as allowed are open.
    """
    now = hub.clock()
    identities = hub.directory.identities(caller, now=now)
    verified = verify(statement, (Kind.DOCUMENT_REQUEST,), identities, now=now)
    try:
        request = read_request(verified)
    except Malformed as error:
        raise StatementNotAcceptable from error
    known = await hub.db.read(requests.known, request.id, verified.digest, caller)
    if known is not None:
        return known
    chain = await chain_for(hub, await hub.db.read(_check, hub, request))
    made = await hub.db.write(_request, hub, verified, request, chain, once)
    # Committed: the partner's inbox has it, whatever becomes of our answer.
    hub.news.tell([request.to])
    return made


def _check(conn: Connection, hub: Hub, request: DocumentRequest) -> str | None:
    """Refuse what could never be answered; return the UUID of the chain of the consent named."""
    stored = agreements.by_digest(conn, request.agreement)
    agreed = agreements.lock(conn, request.agreement)
    if request.consent is not None:
        consents.find(conn, request.consent)  # locks it: the request is logged on its chain
    active = agencies.active(conn, [request.to])
    now = hub.clock()  # behind the locks: whoever held one may have ended the agreement
    if now >= request.deadline or not active:
        raise StatementNotAcceptable
    consent, chain = _consent(conn, hub, request)
    if stored is None or agreed is None:
        raise refused("L10", "agreement")
    terms, scope = hub.records.agreement(conn, stored.digest, stored.statement)
    if request.agency not in scope.parties:
        raise refused("L10", "agreement")  # one of others looks like none
    held = in_force(terms, agreed.signed, agreed.notices, agreed.ended_at, now=now)
    check_request(request, scope, consent, in_force=held)
    return chain


def _consent(
    conn: Connection, hub: Hub, request: DocumentRequest
) -> tuple[ConsentRecord | None, str | None]:
    """Return the consent a request names, if its author may read it, and its chain in the log."""
    if request.consent is None:
        return None, None
    seen = consents.seen_by_digest(conn, request.consent, request.agency)
    if seen is None:
        raise StatementNotAcceptable
    filed = consents.filed(conn, request.consent)
    if filed is None:
        raise Unavailable("a consent without its statement")
    return hub.records.consent(conn, request.consent, filed.statement), filed.chain


def _request(
    conn: Connection,
    hub: Hub,
    verified: Verified,
    request: DocumentRequest,
    chain: Chain,
    once: Once | None,
) -> Request:
    before = requests.known(conn, request.id, verified.digest, request.agency)
    if before is not None:  # the same request, twice at once
        return before
    _check(conn, hub, request)
    now = hub.clock()
    if requests.open_of(conn, request.agency, now=now) >= hub.rules.open_requests:
        raise TooMany
    repeat.claim(conn, once, now=now)
    rid = log.name()
    made = requests.add(conn, request, verified, at=now, receipt=rid)
    asked = event.request_made(at=now, by=request.agency, request=verified.digest, to=request.to)
    log.record(conn, chain, asked, rid=rid)
    # About no consent: the end of one takes its notices along, a request stays until its deadline.
    notices.enqueue(conn, [request.to], "request", consent=None, disclosure=None, at=now)
    return made
