"""How fast codes may be tried: after too many wrong ones an answer comes late, whatever it says.

Wrong ones are counted by address and for the hub as a whole, never by code: nobody can lock a
person out. A code has so many values that guessing is hopeless at any rate; the pause keeps the
attempt from costing others.
"""

import asyncio

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

    async def keep(self, address: str) -> None:
        """Wait before anything is looked up for `address`, if too much opened nothing.

        Raises:
            TooMany: as many entries of this address are waiting as one address may have.
        """
        if self._address.empty(address) or self._hub.empty(_EVERYBODY):
            with self._waiting.one(address):
                await asyncio.sleep(self._pause_s)

    def missed(self, address: str) -> None:
        """Count an entry from `address` that opened nothing."""
        self._address.take(address)
        self._hub.take(_EVERYBODY)
