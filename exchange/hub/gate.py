"""What store, collect and decide share: one decision under locks, and one path for every no.

`examine` runs inside the unit of work that acts on it. It locks agreement and consent, each in a
statement of its own, reads everything else afterwards and the clock last: a withdrawal waits
for us, or we wait for it and see it.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection

from exchange.agreement.force import in_force
from exchange.agreement.record import Agreement
from exchange.audit import event
from exchange.consent.decision import Asked, Deny, Permit, Reason, decide
from exchange.consent.record import ConsentRecord
from exchange.errors import Unavailable
from exchange.hookspecs import DisclosureAsked, GateVeto
from exchange.hub.heads import CLOCK
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies, agreements, consents, log
from exchange.hub.storage.log import Chain
from exchange.vocabulary import Scope, Secrecy
from exchange.wire.asked import standing

VETO_S = 5.0
"""Seconds a veto has to say that it does not object; silence is a no."""
NOWHERE = ""
"""Digest of an agreement that cannot exist: what is absent is looked for all the same."""


class Denied(Exception):
    """`decide` said no, and why. Never leaves the hub: the verb answers without a reason."""

    def __init__(self, reasons: tuple[Reason, ...], *, chain: str | None = None) -> None:
        super().__init__("denied")
        self.reasons = reasons
        self.chain = chain
        """UUID of the consent's chain in the log, if the consent that was named exists."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A consent record, and the chain and agreement it belongs to."""

    record: ConsentRecord
    chain: str


@dataclass(frozen=True, slots=True)
class Examined:
    """A decision and where it belongs in the log."""

    decision: Permit | Deny
    chain: str | None
    """UUID of the consent's chain, if the consent that was named exists."""


def examine(
    conn: Connection, hub: Hub, asked: Asked, *, vetoed: bool, counted: int = 0
) -> Examined:
    """Decide about `asked` as of now.

    Absent, hidden and denied run the same statements, so that the time tells nothing.

    Args:
        conn: of the unit of work that acts on the permit; of a reader for a mere question.
        hub: the parts.
        asked: from a manifest whose signatures verified, or from the caller's question.
        vetoed: what `vetoes` returned before this unit began.
        counted: uses already counted for this very disclosure: 1 when it is stored.
    """
    found = _record(conn, hub, asked.consent)
    agreement = NOWHERE if found is None else found.record.agreement
    agreed = agreements.lock(conn, agreement)
    locked = consents.find(conn, asked.consent)
    # A suspended sender may hold a stolen identity: nothing of it passes any more.
    trusted = asked.sender in agencies.active(conn, [asked.sender])
    now = hub.clock()  # after the last lock
    scope: Scope | None = None
    covers = False
    if agreed is not None:
        terms, scope = agreement_of(conn, hub, agreement)
        covers = in_force(terms, agreed.signed, agreed.notices, agreed.ended_at, now=now)
    facts = standing(
        asked,
        scope,
        in_force=covers,
        used=0 if locked is None else locked.used - counted,
        ended_at=None if locked is None else locked.ended_at,
        recorded=locked is not None,
        vetoed=vetoed or not trusted,
    )
    record = None if found is None or locked is None else found.record
    decision = decide(asked, record, facts, now=now)
    return Examined(decision, None if found is None else found.chain)


def _record(conn: Connection, hub: Hub, digest: str) -> _Found | None:
    chain = consents.chain(conn, digest)
    if chain is None:
        return None
    known = hub.records.consent_known(digest)
    if known is None:
        filed = consents.filed(conn, digest)
        if filed is None:
            raise Unavailable("a consent has a chain and yet is not there")
        known = hub.records.consent(conn, digest, filed.statement)
    return _Found(known, chain)


def agreement_of(conn: Connection, hub: Hub, digest: str) -> tuple[Agreement, Scope]:
    """Return the agreement with this digest, which a stored consent names, and what it admits."""
    known = hub.records.agreement_known(digest)
    if known is not None:
        return known
    stored = agreements.by_digest(conn, digest)
    if stored is None:
        raise Unavailable("an agreement is locked and yet not there")
    return hub.records.agreement(conn, digest, stored.statement)


def require_certain(hub: Hub) -> None:
    """Refuse to store and to release while this database may have forgotten something.

    The signer has then stopped: the log was not yet compared with what others hold, or somebody
    holds more of it than is here. What is missing may be a withdrawal, so no record that is here
    permits anything. Withdrawals themselves go on.

    Raises:
        Unavailable: until the comparison agrees, or the missing entries were brought back.
    """
    if hub.heads.stopped not in {None, CLOCK}:
        raise Unavailable("what happened last may not be known here")


def nothing(caller: str) -> Asked:
    """Return a question that no consent covers: what is absent is decided on all the same."""
    return Asked(
        consent=NOWHERE,
        sender=NOWHERE,
        recipients=frozenset({caller}),
        purpose=NOWHERE,
        category=NOWHERE,
        secrecy=Secrecy.PERSONAL,
        exp=datetime.max.replace(tzinfo=UTC),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What somebody asked the gate for, as a denial of it is recorded."""

    caller: str
    request: str
    """Digest of what was asked for."""
    consent: str | None
    """Digest of the consent it names; None where none is known to be named."""


def refuse(conn: Connection, hub: Hub, chain: Chain, attempt: Attempt, denied: Denied) -> None:
    """Record a denial: one event and one leaf of the same length, whatever the reason.

    Args:
        conn: of a unit of work that has changed nothing else.
        hub: the parts.
        chain: from `chain_for`, read before this unit.
        attempt: what was asked for, by whom.
        denied: its reasons become a detail that only who may know can open.
    """
    refused = event.disclosure_refused(
        at=hub.clock(),
        by=attempt.caller,
        request=attempt.request,
        consent=None if denied.chain is None else attempt.consent,
        reasons=denied.reasons,
    )
    log.record(conn, chain, refused)


async def chain_for(hub: Hub, chain: str | None) -> Chain:
    """Return the chain on which a denial is recorded: the consent's, or a single one.

    Both cost one read of the vault and no write.
    """
    return await (hub.vault.single() if chain is None else hub.vault.chain(chain))


async def vetoes(hub: Hub, asked: Asked) -> bool:
    """Tell whether a plugin forbids `asked`; asked before the unit of work, never in it.

    A veto that fails, is silent or answers something else is a no.
    """
    if not hub.vetoes:
        return False
    question = DisclosureAsked(
        sender=asked.sender,
        recipients=asked.recipients,
        purpose=asked.purpose,
        category=asked.category,
        secrecy=asked.secrecy.code,
    )
    answers = await asyncio.gather(
        *(_forbids(name, veto, question) for name, veto in hub.vetoes.items())
    )
    return any(answers)


async def _forbids(name: str, veto: GateVeto, question: DisclosureAsked) -> bool:
    log_ = structlog.get_logger("exchange.hub.gate")
    try:
        async with asyncio.timeout(VETO_S):
            answer = await veto.forbids(question)
    except Exception as error:  # noqa: BLE001 - foreign code may do anything; it is then a no
        log_.error("veto-failed", plugin=name, code=type(error).__name__)
        return True
    return answer is not False
