"""Store a recipient's signed answer to a request to erase what it collected."""

import structlog
from sqlalchemy import Connection

from exchange.audit import event
from exchange.errors import Malformed, NotFound, StatementNotAcceptable
from exchange.hub import repeat
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import erasures, log
from exchange.hub.storage.log import Chain
from exchange.statement import Kind, Verified, verify
from exchange.wire.erasure import Erasure, Ground, read_erasure


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
    answer = _read(verified, asked)
    chains = await hub.vault.chains([asked.chain])
    if not chains:
        structlog.get_logger("exchange.hub.confirm_erasure").warning("vault-away")
    chain = log.keyed(chains, asked.chain)
    return await hub.db.write_first(_confirm, hub, asked, (verified, answer, chain), once)


def _read(verified: Verified, asked: erasures.Erasure) -> Erasure:
    try:
        answer = read_erasure(verified)
    except Malformed as error:
        raise StatementNotAcceptable from error
    fits = (answer.erasure, answer.consent) == (asked.id, asked.consent)
    if not fits or not set(answer.manifests) <= set(asked.manifests):
        raise StatementNotAcceptable
    # What was disclosed unlawfully may be kept for legal claims only.
    unlawful = asked.reason == "unlawful" and answer.kept is not None
    if unlawful and answer.kept is not None and answer.kept.ground is not Ground.LEGAL_CLAIMS:
        raise StatementNotAcceptable
    return answer


def _confirm(
    conn: Connection,
    hub: Hub,
    asked: erasures.Erasure,
    given: tuple[Verified, Erasure, Chain],
    once: Once | None,
) -> erasures.Erasure:
    verified, answer, chain = given
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
    )
    if erasures.confirm(conn, found, confirmation, at=now):
        confirmed = event.erasure_confirmed(
            at=now,
            by=asked.recipient,
            erasure=asked.id,
            statement=verified.digest,
            result=answer.result.value,
        )
        log.record(conn, chain, confirmed)
    return erasures.find(conn, asked.id, asked.recipient) or found
