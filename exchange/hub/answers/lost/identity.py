"""What was signed with an identity key, and what rests on it."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final

from exchange.hub.answers.entries import Opened
from exchange.hub.answers.lost.described import doubt
from exchange.hub.answers.lost.mark import Mark
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.answers.lost.rows import Affected
from exchange.hub.answers.lost.windows import consents_of, entries
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


async def by_identity_key(
    hub: Hub, agency: str, wanted: Wanted, until: datetime, behind: Mark
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield what the owner of an identity key has signed, and the disclosures that rest on it."""
    owner = await hub.db.read(answers_breach.agency_of, wanted.key)
    windows = entries(hub, agency, SIGNED, (wanted.since, until), behind.place)
    async for looked, mine in windows:
        named = await consents_of(hub, mine)
        for place in looked:
            one = mine.get(place)
            consent = None if one is None else named.get(one.event.get("consent", ""))
            counts = one is not None and _rests_on(owner, one, consent, wanted, until)
            yield Mark(place=place), doubt(one, consent) if one is not None and counts else None


def _rests_on(
    owner: str | None, one: Opened, consent: ConsentRow | None, wanted: Wanted, until: datetime
) -> bool:
    """Tell whether the owner of an identity key has signed this, or what it depends on.

    On a consent depend the disclosures under it, whoever has sent them.
    """
    if one.event["by"] == owner:
        return True
    if one.kind != "disclosure-stored" or consent is None or consent.collected_by != owner:
        return False
    return wanted.since <= consent.recorded_at.replace(microsecond=0) < until
