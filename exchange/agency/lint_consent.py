"""Lint a consent where its person is known: every rule, also those that need a birth date.

The birth date and the other consents of the case are looked at here and sent nowhere.
"""

from collections.abc import Iterator
from datetime import datetime

from exchange.agency import signed
from exchange.agency.parts import Gateway
from exchange.agency.records import KnownAgreement
from exchange.consent.lint import Local, allows_the_same, lint
from exchange.consent.record import ConsentRecord, read_consent
from exchange.consent.subject import SubjectFacts, read_subject
from exchange.envelope.block import open_block
from exchange.errors import Finding, NotFound, StatementNotAcceptable, Unreadable
from exchange.statement import ANY_TIME, Kind, verify

KINDS = frozenset({Kind.CONSENT, Kind.CONSENT_ELECTRONIC})


async def findings_of(
    gateway: Gateway,
    record: ConsentRecord,
    agreement: KnownAgreement,
    facts: SubjectFacts | None,
    *,
    now: datetime,
) -> tuple[Finding, ...]:
    """Return every rule that a consent of this agency breaks: what the hub will say, and more.

    Args:
        gateway: of the collecting agency.
        record: the draft of it, or signed.
        agreement: that it names.
        facts: who it is about; without them no rule about ages is asked.
        now: when it is to be recorded.
    """
    local = None
    if facts is not None:
        local = Local(born=facts.born, live=await _live(gateway, record, facts, now))
    return lint(
        record,
        agreement.scope,
        agreement_held=agreement.is_in_force(now) and agreement.is_in_force(record.collected_at),
        now=now,
        local=local,
    )


def facts_in(gateway: Gateway, record: ConsentRecord) -> SubjectFacts | None:
    """Return who a consent is about; None when its block is sealed to no key held here."""
    for held in gateway.ring.files.documents():
        try:
            return read_subject(open_block(record.subject.sealed, held.key).get("subject"))
        except Unreadable:
            continue
    return None


async def _live(
    gateway: Gateway, record: ConsentRecord, facts: SubjectFacts, now: datetime
) -> tuple[ConsentRecord, ...]:
    """Return the consents of the same person, collected here, that allow the same and hold."""
    alike = [
        other
        for other in _collected(gateway)
        if now < other.valid_until
        and allows_the_same(record, other)
        and _is_about(facts, facts_in(gateway, other))
    ]
    return tuple([other for other in alike if await _stands(gateway, other)])


def _collected(gateway: Gateway) -> Iterator[ConsentRecord]:
    cards = gateway.ring.files.cards()
    for _, data in signed.every(gateway.home, "consent"):
        try:
            yield read_consent(verify(data, KINDS, cards, now=ANY_TIME))
        except StatementNotAcceptable:
            continue  # signed with an identity this agency no longer has


def _is_about(facts: SubjectFacts, others: SubjectFacts | None) -> bool:
    return others is not None and (facts.family_name, facts.given_name, facts.born) == (
        others.family_name,
        others.given_name,
        others.born,
    )


async def _stands(gateway: Gateway, other: ConsentRecord) -> bool:
    try:
        return (await gateway.client.consent(other.id)).state != "ended"
    except NotFound:  # signed and never recorded
        return False
