"""How fast codes may be tried: after too many wrong ones, the answer to a wrong one comes late.

Wrong ones are counted by address and for the hub as a whole, never by code, and a right one never
waits: people share addresses, and nobody may lock a person out of withdrawing. A code has so many
values that guessing is hopeless at any rate; the pause keeps the attempt from costing others.
"""

import asyncio

from exchange.hub.http.caller import neighbourhood
from exchange.hub.http.limits import Rate, Ticks, UnderWay
from exchange.hub.settings import Person

_EVERYBODY = ""


class Pace:
    """Counts what opened nothing."""

    def __init__(self, settings: Person, ticks: Ticks) -> None:
        here, in_all = settings.misses_per_minute, settings.misses_per_minute_in_all
        self._address = Rate(here / 60, here, ticks)
        self._hub = Rate(in_all / 60, in_all, ticks)
        self._waiting = UnderWay(settings.waiting)
        self._pause_s = settings.pause_s

    async def missed(self, address: str) -> None:
        """Count an entry from `address` that opened nothing, and wait if there were too many.

        Raises:
            TooMany: as many entries of this address are waiting as one address may have.
        """
        address = neighbourhood(address)
        # What waits for its own address does not count against everybody.
        if self._address.take(address) or self._hub.take(_EVERYBODY):
            with self._waiting.one(address):
                await asyncio.sleep(self._pause_s)
