"""Looks that the log has noted, and at what they were made.

A look at one consent names it: that is exact. Of a list the log says between which entries its
rows lie and how many they were, not which.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from exchange.hub.answers.entries import Opened
from exchange.hub.answers.lost.spans import Spans
from exchange.hub.answers.lost.windows import entries
from exchange.hub.parts import Hub
from exchange.hub.storage.reading import followed

LOOKS: Final = frozenset({"officer-read", "officer-export"})
"""Kinds of events by which the log notes a look."""


@dataclass(frozen=True, slots=True)
class Looks:
    """At what some looks were made."""

    reads: tuple[tuple[int, str], ...]
    """Entry of the last look at a consent, and its digest; in the order of the log."""
    lists: Spans
    """What lists were made from."""


async def cut_of(hub: Hub) -> int:
    """Return how many entries there are for questions now: looks behind them do not count."""
    return await hub.db.read(followed)


def shows_something(one: Opened) -> bool:
    """Tell whether a look was shown something of a person, not only terms, keys or figures."""
    return bool(one.event.get("count") != 0)


async def looks_in(
    hub: Hub,
    agency: str,
    within: tuple[datetime, datetime],
    counts: Callable[[Opened], bool],
    *,
    cut: int,
) -> Looks:
    """Return at what the looks that count were made.

    Held are two numbers for each stretch that touches no other, and a name for each consent.

    Args:
        hub: the parts.
        agency: whose looks.
        within: the first moment, and the first that does not count.
        counts: which of them.
        cut: looks from this entry on do not count.
    """
    reads: dict[str, int] = {}
    lists = Spans()
    async for _, mine in entries(hub, agency, LOOKS, within, None, end=cut):
        mine_now = [one for one in mine.values() if counts(one)]
        reads |= _reads(mine_now, reads)
        lists = lists.joined(_span(one) for one in mine_now if one.kind == "officer-export")
    return Looks(tuple(sorted((index, digest) for digest, index in reads.items())), lists)


def _reads(found: list[Opened], known: dict[str, int]) -> dict[str, int]:
    last: dict[str, int] = {}
    for one in found:
        if one.kind == "officer-read":
            digest = one.event["consent"]
            last[digest] = max(last.get(digest, 0), known.get(digest, 0), one.place.index)
    return last


def _span(one: Opened) -> tuple[int, int]:
    first, end = one.event["from"], one.event["until"]
    # A list whose rows are no entries says how long the published log was, which is behind a
    # little: everything before the note itself may have been on it.
    return (0, max(end, one.place.index)) if first == 0 else (first, end)
