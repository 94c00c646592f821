"""What was signed and done with an identity key, and what rests on it."""

from collections.abc import AsyncGenerator
from datetime import datetime
from functools import partial
from typing import Final

from exchange.audit.event import GATEWAY
from exchange.hub.answers.entries import Opened
from exchange.hub.answers.lost.account import is_of
from exchange.hub.answers.lost.doubts import doubts
from exchange.hub.answers.lost.looks import LOOKS, cut_of, looks_in, shows_something
from exchange.hub.answers.lost.mark import Mark
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.answers.lost.rows import Affected
from exchange.hub.answers.lost.seen import perhaps_seen
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_breach
from exchange.hub.storage.answers_breach import ConsentRow

SIGNED: Final = frozenset(
    {
        *("agreement-signed", "agreement-notice", "consent-recorded", "consent-withdrawn"),
        *("request-made", "disclosure-stored", "disclosure-acknowledged", "erasure-confirmed"),
    }
)
"""Kinds of events behind which there is a statement that an agency has signed."""
DONE: Final = frozenset({"disclosure-collected", "disclosure-ended", "receipt-reissued"})
"""Kinds of what an agency does without one, let in by the same key: it collects what was sent to
it, takes back what it has sent, gives a person another code."""


async def by_identity_key(
    hub: Hub, agency: str, wanted: Wanted, until: datetime, behind: Mark
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield what the owner of an identity key has signed and done, and the disclosures on it.

    Its own officer is also told the looks of its programs, which come in with this key, then what
    they may have shown.
    """
    owner = await hub.db.read(answers_breach.agency_of, wanted.key)
    cut = await cut_of(hub) if behind.cut is None else behind.cut
    kinds = SIGNED | DONE | (LOOKS if owner == agency else frozenset())
    within = (wanted.since, until)
    if behind.seen is None:
        rests = partial(_rests_on, owner, within)
        async for row in doubts(hub, agency, kinds, within, behind.place, rests, cut=cut):
            yield row
    if owner == agency:
        looks = await looks_in(hub, agency, within, _by_program, cut=cut)
        async for shown in perhaps_seen(hub, agency, looks, behind, cut=cut):
            yield shown


def _by_program(one: Opened) -> bool:
    return is_of(one, GATEWAY) and shows_something(one)


def _rests_on(
    owner: str | None,
    within: tuple[datetime, datetime],
    one: Opened,
    consent: ConsentRow | None,
) -> bool:
    """Tell whether the owner of an identity key has done this with it, or what depends on it.

    On a consent depend the disclosures under it, whoever has sent them.
    """
    if one.kind in LOOKS:
        return _by_program(one)
    if one.event["by"] == owner:
        return True
    if one.kind != "disclosure-stored" or consent is None or consent.collected_by != owner:
        return False
    return within[0] <= consent.recorded_at.replace(microsecond=0) < within[1]
