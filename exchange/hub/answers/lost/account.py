"""What an account has looked at and taken away, and what that may have shown."""

from collections.abc import AsyncGenerator
from datetime import datetime

from exchange.hub.answers.entries import Opened
from exchange.hub.answers.lost.doubts import doubts
from exchange.hub.answers.lost.looks import LOOKS, cut_of, looks_in, shows_something
from exchange.hub.answers.lost.mark import Mark
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.answers.lost.rows import Affected
from exchange.hub.answers.lost.seen import perhaps_seen
from exchange.hub.parts import Hub


async def by_account(
    hub: Hub, agency: str, wanted: Wanted, until: datetime, behind: Mark
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield the looks that an account has left in the log, then what they may have shown."""

    def counts(one: Opened) -> bool:
        return is_of(one, wanted.key) and shows_something(one)

    cut = await cut_of(hub) if behind.cut is None else behind.cut
    within = (wanted.since, until)
    if behind.seen is None:
        rows = doubts(hub, agency, LOOKS, within, behind.place, lambda one, _: counts(one), cut=cut)
        async for row in rows:
            yield row
    looks = await looks_in(hub, agency, within, counts, cut=cut)
    async for shown in perhaps_seen(hub, agency, looks, behind, cut=cut):
        yield shown


def is_of(one: Opened, account: str) -> bool:
    """Tell whether an account has looked; `gateway` stands for the agency's own programs."""
    return bool(one.event["officer"] == account)
