"""Entries that somebody else may have brought about, in the order of the log."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from exchange.hub.answers.entries import Opened
from exchange.hub.answers.lost.described import doubt
from exchange.hub.answers.lost.mark import Mark
from exchange.hub.answers.lost.rows import Doubtful
from exchange.hub.answers.lost.windows import consents_of, entries
from exchange.hub.parts import Hub
from exchange.hub.storage.answers_breach import ConsentRow
from exchange.hub.storage.reading import Place


async def doubts(  # noqa: PLR0913 - a range, and where to go on
    hub: Hub,
    agency: str,
    kinds: frozenset[str],
    within: tuple[datetime, datetime],
    behind: Place | None,
    counts: Callable[[Opened, ConsentRow | None], bool],
    *,
    cut: int,
) -> AsyncIterator[tuple[Mark, Doubtful | None]]:
    """Yield the entries that count, and None for each that was only looked at.

    Args:
        hub: the parts.
        agency: who asks.
        kinds: of events.
        within: the first moment, and the first that does not count.
        behind: where to go on.
        counts: whether an entry is told, given the consent it is about.
        cut: entries from this one on are left out.
    """
    async for looked, mine in entries(hub, agency, kinds, within, behind, end=cut):
        named = await consents_of(hub, mine)
        for place in looked:
            one, consent = mine.get(place), named.get(place)
            told = one is not None and counts(one, consent)
            yield Mark(place=place, cut=cut), doubt(one, consent) if one and told else None
