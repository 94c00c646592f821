"""Which entries are in doubt with the log's key."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final

from exchange.audit.event import MEMBERS
from exchange.audit.policy import NONE
from exchange.hub.answers.lost.described import doubt
from exchange.hub.answers.lost.looks import LOOKS
from exchange.hub.answers.lost.mark import Mark
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.answers.lost.rows import Affected
from exchange.hub.answers.lost.windows import consents_of, entries
from exchange.hub.parts import Hub
from exchange.hub.storage import checkpoints

PLACED: Final = frozenset(MEMBERS) - LOOKS - {"erased"}
"""What is doubtful with the log's key; looks are not: asking would add to them."""


async def by_log_key(
    hub: Hub, agency: str, wanted: Wanted, until: datetime, behind: Mark
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield the agency's entries for which no witness vouches."""
    first = await vouched(hub)
    windows = entries(hub, agency, PLACED, (wanted.since, until), behind.place, first=first)
    async for looked, mine in windows:
        named = await consents_of(hub, mine)
        for place in looked:
            one = mine.get(place)
            yield Mark(place=place), None if one is None else doubt(one, named.get(place))


async def vouched(hub: Hub) -> int:
    """Return before which entry the witnesses vouch for the log: no key of ours can change it.

    0 where its policy asks no witness.
    """
    if hub.signer.policy.quorum == NONE:
        return 0
    found = await hub.db.read(checkpoints.newest_witnessed)
    return 0 if found is None else found[0].size
