"""End a consent: immediate and total. Never refused for a rate, a quota, the disk or the vault."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from exchange.consent.record import ConsentRecord
from exchange.consent.withdrawal import By, EndReason, Withdrawal, may_end, read_withdrawal
from exchange.errors import (
    ExchangeError,
    Malformed,
    NotFound,
    StatementNotAcceptable,
    Unavailable,
)
from exchange.hub import repeat
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import agreements, consents, ending, erasures
from exchange.hub.storage.log import Chain
from exchange.statement import CLOCK_SKEW_S, Kind, Verified, verify
from exchange.vocabulary import Scope

WITHDRAWN = "withdrawn"
AGENCY = "agency"
"""Why a consent ended that its collector ended with a reason of its own."""
OFFICE = "office"
"""Recorded by an agency, not on the person's page."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The end of a consent, as of its first withdrawal."""

    consent: str
    """Digest."""
    ended_at: datetime
    receipt: str | None
    """Name of the entry that records it; None for an agency that may not know of it."""


@dataclass(frozen=True, slots=True)
class _Sought:
    digest: str
    chain: str
    consent: ConsentRecord
    scope: Scope


async def withdraw(
    hub: Hub, consent_id: str, caller: str, statement: bytes, *, once: Once | None
) -> Withdrawn:
    """Record a withdrawal that an agency was told; a repetition gets the first.

    From the commit on no header under the consent can be released by anybody; running streams
    under it are cut afterwards.

    Raises:
        NotFound: absent, or the caller may not read the record; it then passes the wish on.
        StatementNotAcceptable: not a withdrawal of this consent by somebody who may end it.
    """
    sought = await hub.db.read(_seek, hub, consent_id, caller, statement)
    if sought is None:
        raise NotFound
    verified, withdrawal = _verified(hub, sought, caller, statement)
    chain = await chain_or_deferred(hub, sought.chain)
    ended = await hub.db.write_first(
        _withdraw, hub, consent_id, caller, (verified, withdrawal, chain), once
    )
    return withdrawn(hub, sought.consent, ended)


def _seek(
    conn: Connection, hub: Hub, consent_id: str, caller: str, statement: bytes
) -> _Sought | None:
    found = consents.endable(conn, consent_id, caller, statement)
    if found is None:
        return None
    filed = consents.filed(conn, found.digest)
    stored = agreements.by_digest(conn, found.agreement)
    if filed is None or stored is None:
        raise Unavailable("a consent without its statement or agreement")
    _, scope = hub.records.agreement(conn, found.agreement, stored.statement)
    consent = hub.records.consent(conn, found.digest, filed.statement)
    return _Sought(found.digest, found.chain, consent, scope)


def _verified(
    hub: Hub, sought: _Sought, caller: str, statement: bytes
) -> tuple[Verified, Withdrawal]:
    now = hub.clock()
    kinds = [Kind.WITHDRAWAL]
    if sought.consent.person_key is not None:
        kinds.append(Kind.WITHDRAWAL_ELECTRONIC)
    identities = hub.directory.identities(caller, now=now)
    verified = verify(statement, kinds, identities, now=now, person=sought.consent.person_key)
    try:
        withdrawal = read_withdrawal(verified)
    except Malformed as error:
        raise StatementNotAcceptable from error
    if not may_end(withdrawal, sought.consent, sought.scope):
        raise StatementNotAcceptable
    if not told_in_time(withdrawal, sought.consent, now):
        raise StatementNotAcceptable
    return verified, withdrawal


def told_in_time(withdrawal: Withdrawal, consent: ConsentRecord, now: datetime) -> bool:
    """Tell whether it was told after the consent was given and not in the future.

    Clocks of offices differ: a withdrawal minutes after the consent must not fail for that.
    """
    skew = timedelta(seconds=CLOCK_SKEW_S)
    return consent.collected_at - skew <= withdrawal.received_at <= now + skew


async def chain_or_deferred(hub: Hub, chain: str) -> Chain:
    """Return the chain of a consent, without its key while the vault is away.

    A withdrawal never waits for the vault: it commits now, its leaves are made later.
    """
    try:
        return await hub.vault.chain(chain)
    except ExchangeError:
        structlog.get_logger("exchange.hub.withdraw").warning("vault-away")
        return Chain(chain, None)


def withdrawn(hub: Hub, consent: ConsentRecord, ended: ending.Ended) -> Withdrawn:
    """Cut what runs under a consent whose end is committed, and wake those who wait."""
    # Committed: that was the guarantee. The rest is hygiene.
    hub.streams.end(consent.digest)
    hub.news.tell(consent.recipients | consent.releasers)
    return Withdrawn(consent.digest, ended.ended_at, ended.receipt)


def _withdraw(
    conn: Connection,
    hub: Hub,
    consent_id: str,
    caller: str,
    given: tuple[Verified, Withdrawal, Chain],
    once: Once | None,
) -> ending.Ended:
    verified, withdrawal, chain = given
    locked = consents.endable(conn, consent_id, caller, verified.statement)
    if locked is None:
        raise NotFound
    now = hub.clock()
    repeat.claim(conn, once, now=now)
    by_agency = withdrawal.by is By.AGENCY
    reason: erasures.Reason | None = None
    if withdrawal.asks_erasure:
        reason = "unlawful" if withdrawal.reason is EndReason.UNLAWFUL else "withdrawn"
    ended = ending.withdraw(
        conn,
        locked,
        ending.Withdrawal(
            statement=verified.statement,
            digest=verified.digest,
            by=withdrawal.agency or "person",
            via=OFFICE,
            why=AGENCY if by_agency else WITHDRAWN,
            erasure=reason,
            erasure_due=erasures.due_at(reason, now, usual=hub.rules.erasure_due),
        ),
        chain,
        at=now,
    )
    # Of what somebody else said before, only the collecting agency may know.
    knows = ended.first or caller == locked.collected_by
    if knows or ending.ended_by(conn, locked.digest, verified.statement):
        return ended
    return replace(ended, receipt=None)
