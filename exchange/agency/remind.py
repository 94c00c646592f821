"""Remind the collector that guardians stop speaking for somebody: she is asked to consent herself.

The birth date stands in the sealed block alone; what is kept of it here is the first of the month
of majority. Nothing is sent to anybody: the reminder is a line in the log and in `status`.
"""

from datetime import timedelta
from typing import Final

import structlog

from exchange.agency import majorities
from exchange.agency.lint_consent import KINDS, facts_in
from exchange.agency.majorities import Majority
from exchange.agency.parts import Gateway
from exchange.consent.majority import REMINDER_DAYS, is_represented, majority_ahead
from exchange.consent.record import read_consent
from exchange.days import days_after
from exchange.errors import NotFound
from exchange.statement import ANY_TIME, verify

LOOK_AGAIN: Final = timedelta(days=1)
"""How long the hub's word that a consent stands is enough for a reminder."""

log = structlog.get_logger(__name__)


async def note_majority(gateway: Gateway, statement: bytes) -> None:
    """Remember of a consent signed here when its person comes of age, if guardians gave it."""
    record = read_consent(verify(statement, KINDS, gateway.ring.files.cards(), now=ANY_TIME))
    facts = facts_in(gateway, record) if is_represented(record) else None
    ends = None if facts is None else majority_ahead(record, facts.born)
    if ends is not None:
        await gateway.state.write(majorities.add_majority, Majority(record.id, ends))


async def remind(gateway: Gateway) -> None:
    """Look at the consents whose person comes of age within sixty days; remind once of each.

    One that has ended, or whose person is of age by now, is forgotten.

    Raises:
        Unavailable: the hub cannot be reached; the next round looks again.
    """
    now = gateway.clock()
    ahead = await gateway.state.read(
        majorities.list_unlooked, until=days_after(now, REMINDER_DAYS), before=now - LOOK_AGAIN
    )
    news = 0
    for majority in ahead:
        if now >= majority.ends or not await _stands(gateway, majority.consent):
            await gateway.state.write(majorities.forget_majority, majority.consent)
            continue
        await gateway.state.write(majorities.note_look, majority.consent, now)
        news += majority.looked is None
    if news:
        log.warning("consent.majority-ahead", count=news)


async def _stands(gateway: Gateway, consent_id: str) -> bool:
    try:
        return (await gateway.client.consent(consent_id)).state != "ended"
    except NotFound:
        return False
