"""Register the person's code: its digest takes the place of the one before."""

from dataclasses import dataclass, field

from sqlalchemy import Connection

from exchange.audit import event
from exchange.errors import NotFound, Unavailable
from exchange.hub import repeat
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import consents, credentials, log
from exchange.hub.storage.log import Chain
from exchange.hub.withdraw import chain_or_deferred


@dataclass(frozen=True, slots=True)
class Registered:
    """A code that opens a consent from now on, or a value that nobody holds."""

    consent: str
    """Digest."""
    log_key: bytes | None = field(repr=False)
    """Key of the consent's log entries if it was asked for; never stored with an answer."""
    receipt: str | None
    """Name of the entry that records the last change of the code."""


async def register_credential(
    hub: Hub,
    consent_id: str,
    caller: str,
    credential: str | None,
    *,
    log_key: bool,
    once: Once | None,
) -> Registered:
    """Put the digest of another code in place; the one before opens nothing from then on.

    Also after the consent has ended: the person may go on looking. The log says `receipt-reissued`
    whether a code was issued, replaced or revoked. It does not wait for the vault: a code that
    somebody else has seen must stop at once, as a withdrawal does.

    Args:
        hub: the parts.
        consent_id: id of the record.
        caller: its collecting agency.
        credential: digest of the code, which the gateway has made; None for one that nobody
            holds.
        log_key: whether to hand out the key of the consent's log entries.
        once: the caller's Idempotency-Key.

    Raises:
        NotFound: absent, or the caller has not collected it.
        Conflict: the code opens another consent.
        Unavailable: the log key is asked for and the vault is away; no code was replaced.
    """
    found = await hub.db.read(consents.collected, consent_id, caller)
    if found is None:
        raise NotFound
    chain = await chain_or_deferred(hub, found.chain)
    if log_key and chain.key is None:
        raise Unavailable("the vault has not answered")
    digest = credential or credentials.nobodys()
    receipt = await hub.db.write(_register, hub, (found.digest, caller, digest), chain, once)
    return Registered(found.digest, chain.key if log_key else None, receipt)


def _register(
    conn: Connection, hub: Hub, given: tuple[str, str, str], chain: Chain, once: Once | None
) -> str | None:
    consent, caller, digest = given
    found = consents.find(conn, consent)
    if found is None:  # now it is locked; it may have been erased meanwhile
        raise NotFound
    now = hub.clock()
    # An answer that was lost is asked for again, perhaps late: it must not bring back a code that
    # was replaced or revoked since.
    if not repeat.claim(conn, once, now=now) or not credentials.replace(conn, consent, digest):
        return found.reissued_receipt
    reissued = event.receipt_reissued(at=now, by=caller, consent=consent)
    rid = log.record(conn, chain, reissued).rid
    consents.note_reissue(conn, consent, rid)
    return rid
