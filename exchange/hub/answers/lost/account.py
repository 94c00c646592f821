"""What an account has looked at and taken away."""

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

LOOKS: Final = frozenset({"officer-read", "officer-export"})
"""Kinds of events by which the log notes a look."""


async def by_account(
    hub: Hub, agency: str, wanted: Wanted, until: datetime, behind: Mark
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield the looks that an account has left in the log."""
    windows = entries(hub, agency, LOOKS, (wanted.since, until), behind.place)
    async for looked, mine in windows:
        named = await consents_of(hub, mine)
        for place in looked:
            one = mine.get(place)
            consent = None if one is None else named.get(one.event.get("consent", ""))
            counts = one is not None and _was_shown(one, wanted.key)
            yield Mark(place=place), doubt(one, consent) if one is not None and counts else None


def _was_shown(one: Opened, account: str) -> bool:
    """Tell whether an account was shown something of a person, not only terms, keys or figures."""
    return one.event["officer"] == account and one.event.get("count") != 0
