"""Record a signed consent: from the commit on the gate uses it."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from exchange import jws
from exchange.agreement.force import in_force
from exchange.audit import event
from exchange.canonical import labelled
from exchange.consent.lint import lint, unreadable, unsigned
from exchange.consent.record import ConsentRecord, read_consent
from exchange.consent.words import Form
from exchange.errors import Finding, LintRefused, Malformed, NotPermitted, StatementNotAcceptable
from exchange.hub import repeat
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import (
    agreements,
    consents,
    credentials,
    drafts,
    findings,
    log,
    restorations,
)
from exchange.hub.storage.consents import NewConsent
from exchange.hub.storage.log import Chain
from exchange.rules import broken, refuse, refused
from exchange.statement import Identities, Kind, Verified, verify
from exchange.vocabulary import Scope

KINDS = (Kind.CONSENT, Kind.CONSENT_ELECTRONIC)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A consent in the hub's tables."""

    id: str
    digest: str
    recorded_at: datetime
    receipt: str | None
    """Name of its entry in the log; None for one that an earlier version has recorded."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the gateway has drawn for a consent; none of it is part of the record."""

    log_key: bytes = field(repr=False)
    """32 random bytes: the key of the consent's log entries."""
    credential: str | None = None
    """Digest of the person's code; None: the hub puts a random value in its place."""


async def record_consent(
    hub: Hub, caller: str, statement: bytes, drawn: Secrets, *, once: Once | None
) -> Recorded:
    """Record a consent that `caller` has collected; a repetition gets the first answer.

    Args:
        hub: the parts.
        caller: the collecting agency.
        statement: signed by it, and by the person if electronic.
        drawn: drawn by the gateway for this consent.
        once: the caller's Idempotency-Key.

    Raises:
        StatementNotAcceptable: not a consent this caller has signed, or not by the person; or
            what she has signed on her page does not lie there any more.
        LintRefused: it breaks rules, or its agreement is not in force for this caller.
        NotPermitted: electronic, and the operator admits no consents with a person's own key.
        Conflict: its id, its log key or its code was used before.
    """
    now = hub.clock()
    identities = hub.directory.identities(caller, now=now)
    verified, consent = _read(statement, identities, now)
    if consent.form is Form.ELECTRONIC and not hub.rules.electronic:
        raise NotPermitted
    recorded = await hub.db.read(_recorded, consent)
    if recorded is not None:
        return recorded
    await hub.db.read(check, hub, consent)
    # The key is durable before the record is: without it nobody could ever open the entries.
    # A crash in between leaves a key without a chain; the same record finds it again, for its
    # chain follows from its digest, and the sweeper forgets it after a day.
    chain = await hub.vault.add(chain_of(consent.digest), drawn.log_key)
    credential = drawn.credential or credentials.nobodys()
    return await hub.db.write(_record, hub, (verified, consent, credential), chain, once)


def _read(
    statement: bytes, identities: Identities, now: datetime
) -> tuple[Verified, ConsentRecord]:
    try:
        verified = verify(statement, KINDS, identities, now=now)
    except StatementNotAcceptable as error:
        error.findings = (unsigned(error),)
        raise
    try:
        return verified, read_consent(verified)
    except Malformed as error:
        found = (unreadable(error),)
        raise LintRefused(str(error), findings=found) from None


def chain_of(digest: str) -> str:
    """Return the UUID of the log chain of the consent with this digest."""
    return str(UUID(bytes=labelled("xch-consent-chain-v1", digest.encode("ascii"))[:16], version=4))


def _recorded(conn: Connection, consent: ConsentRecord) -> Recorded | None:
    if not consents.known(conn, consent.id, consent.digest):
        return None
    filed = consents.filed(conn, consent.digest)
    if filed is None:
        return None
    return Recorded(consent.id, consent.digest, filed.recorded_at, filed.receipt)


def check(conn: Connection, hub: Hub, consent: ConsentRecord) -> tuple[Finding, ...]:
    """Refuse a record that breaks rules; return what only warns.

    Raises:
        LintRefused: with every finding.
    """
    scope, held = agreed(conn, hub, consent)
    found = lint(consent, scope, agreement_held=held, now=hub.clock())
    if restorations.since(conn, consent.collected_at):
        # What is not here may have been here before, and have ended: nobody can tell.
        found = (*found, broken("L48", "collected_at"))
    refuse(found)
    return found


def agreed(conn: Connection, hub: Hub, consent: ConsentRecord) -> tuple[Scope, bool]:
    """Return what the agreement of a record admits, and whether it was and is in force.

    Raises:
        LintRefused: it is unknown, or one of others: the two look the same.
    """
    stored = agreements.by_digest(conn, consent.agreement)
    standing = agreements.lock(conn, consent.agreement)
    now = hub.clock()  # behind the lock: whoever held it may have ended the agreement
    if stored is None or standing is None:
        raise _no_agreement()
    terms, scope = hub.records.agreement(conn, stored.digest, stored.statement)
    if consent.collected_by not in scope.parties:
        raise _no_agreement()
    held = all(
        in_force(terms, standing.signed, standing.notices, standing.ended_at, now=moment)
        for moment in (now, consent.collected_at)
    )
    return scope, held


def _no_agreement() -> LintRefused:
    return refused("L10", "agreement")


def _record(
    conn: Connection,
    hub: Hub,
    given: tuple[Verified, ConsentRecord, str],
    chain: Chain,
    once: Once | None,
) -> Recorded:
    verified, consent, credential = given
    before = _recorded(conn, consent)
    if before is not None:  # the same record, twice at once
        return before
    warned = check(conn, hub, consent)
    now = hub.clock()
    repeat.claim(conn, once, now=now)
    rid = log.name()
    consents.add(
        conn,
        NewConsent(
            digest=consent.digest,
            id=consent.id,
            agreement=consent.agreement,
            collected_by=consent.collected_by,
            statement=verified.statement,
            chain=chain.uuid,
            uses=consent.uses,
            valid_from=consent.valid_from,
            valid_until=consent.valid_until,
            releasers=consent.releasers,
            recipients=consent.recipients,
            receipt=rid,
        ),
        at=now,
    )
    credentials.add(conn, consent.digest, credential)
    findings.add(conn, consent.digest, warned)
    if consent.form is Form.ELECTRONIC:
        payload = jws.read(verified.statement).payload
        drafts.complete(conn, consent.id, consent.collected_by, payload)
    else:  # she chose paper instead
        drafts.forget(conn, consent.id, consent.collected_by)
    recorded = event.consent_recorded(
        at=now, by=consent.collected_by, agreement=consent.agreement, consent=consent.digest
    )
    log.record(conn, chain, recorded, rid=rid)
    return Recorded(consent.id, consent.digest, now, rid)
