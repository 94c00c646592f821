"""Store a recipient's signed answer to a request to erase what it collected.

Whoever lawfully got the documents onward from it is asked in turn, in the same unit of work.
"""

from datetime import datetime
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from exchange.audit import event
from exchange.days import day_of
from exchange.errors import Malformed, NotFound, StatementNotAcceptable
from exchange.hub import repeat
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import consents, erasures, log, notices
from exchange.hub.storage.log import Chain
from exchange.statement import Kind, Verified, verify
from exchange.wire.erasure import Erasure, Ground, Kept, read_erasure


async def confirm_erasure(
    hub: Hub, erasure_id: str, caller: str, statement: bytes, *, once: Once | None
) -> erasures.Erasure:
    """Store `caller`'s answer; never refused for a rate or the vault; a repetition is no error.

    Raises:
        NotFound: absent, or not asked of this caller.
        StatementNotAcceptable: not the caller's answer to this request, or a ground that is not
            admitted for it.
        Conflict: it was answered otherwise before.
    """
    asked = await hub.db.read(erasures.find, erasure_id, caller)
    if asked is None:
        raise NotFound
    now = hub.clock()
    identities = hub.directory.identities(caller, now=now)
    verified = verify(statement, (Kind.ERASURE,), identities, now=now)
    answer = _read(verified, asked, now)
    chains = await hub.vault.chains([asked.chain])
    if not chains:
        structlog.get_logger("exchange.hub.confirm_erasure").warning("vault-away")
    chain = log.keyed(chains, asked.chain)
    return await hub.db.write_first(_confirm, hub, asked, (verified, answer, chain), once)


def _read(verified: Verified, asked: erasures.Erasure, now: datetime) -> Erasure:
    try:
        answer = read_erasure(verified)
    except Malformed as error:
        raise StatementNotAcceptable from error
    fits = (answer.erasure, answer.consent) == (asked.id, asked.consent)
    if not fits or not set(answer.manifests) <= set(asked.manifests):
        raise StatementNotAcceptable
    if answer.kept is not None and not _may_keep(answer.kept, asked, now):
        raise StatementNotAcceptable
    return answer


def _may_keep(kept: Kept, asked: erasures.Erasure, now: datetime) -> bool:
    """Tell whether the ground is admitted and still holds.

    What was disclosed unlawfully may be kept for legal claims only.
    """
    admitted = asked.reason != "unlawful" or kept.ground is Ground.LEGAL_CLAIMS
    return admitted and kept.until >= day_of(now)


def _confirm(
    conn: Connection,
    hub: Hub,
    asked: erasures.Erasure,
    given: tuple[Verified, Erasure, Chain],
    once: Once | None,
) -> erasures.Erasure:
    verified, answer, chain = given
    # First the consent, as everybody: a sweeper that has it waits for the erasure next.
    consents.find(conn, asked.consent)
    found = erasures.find(conn, asked.id, asked.recipient)
    if found is None:
        raise NotFound
    now = hub.clock()
    repeat.claim(conn, once, now=now)
    confirmation = erasures.Confirmation(
        statement=verified.statement,
        digest=verified.digest,
        result=answer.result.value,
        ground=None if answer.kept is None else answer.kept.ground.value,
        receipt=log.name(),
    )
    if erasures.confirm(conn, found, confirmation, at=now):
        confirmed = event.erasure_confirmed(
            at=now,
            by=asked.recipient,
            erasure=asked.id,
            statement=verified.digest,
            result=answer.result.value,
        )
        log.record(conn, chain, confirmed, rid=confirmation.receipt)
        _pass_on(conn, hub, found, answer, chain, at=now)
    return erasures.find(conn, asked.id, asked.recipient) or found


def _pass_on(
    conn: Connection,
    hub: Hub,
    answered: erasures.Erasure,
    answer: Erasure,
    chain: Chain,
    *,
    at: datetime,
) -> None:
    """Ask every party that the answer names and that was not asked before."""
    asked_before = erasures.asked_under(conn, answered.consent)
    parties = erasures.parties(conn, answered.consent)
    due = erasures.due_at(answered.reason, at, usual=hub.rules.erasure_due)
    onward = sorted(answer.passed_on & parties - asked_before)
    for recipient in onward:
        erasure = str(uuid4())
        erasures.ask(
            conn,
            erasure,
            answered.consent,
            recipient,
            reason=answered.reason,
            at=at,
            due=due,
            passed_on_by=answered.recipient,
        )
        asked = event.erasure_asked(at=at, consent=answered.consent, erasure=erasure, to=recipient)
        log.record(conn, chain, asked)
    notices.enqueue(conn, onward, "erasure", consent=answered.consent, disclosure=None, at=at)
