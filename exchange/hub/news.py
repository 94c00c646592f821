"""Wakes long polls when something new is committed for their agency.

In this process at once, in the others by a hint. A wake-up says "look again" and nothing else;
what is there is read anew. Only the agency concerned is woken, so that nobody learns from a
wake-up what is hidden from it.
"""

import asyncio
from collections.abc import Iterable

from exchange.hub.line import Line


class News:
    """Who waits, by agency."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._over = False

    def listen(self, agency: str) -> asyncio.Event:
        """Begin to wait: what is committed from now on sets the event."""
        woken = asyncio.Event()
        if self._over:
            woken.set()
        self._waiting.setdefault(agency, set()).add(woken)
        return woken

    def leave(self, agency: str, woken: asyncio.Event) -> None:
        """Stop waiting."""
        waiting = self._waiting.get(agency)
        if waiting is not None:
            waiting.discard(woken)
            if not waiting:
                del self._waiting[agency]

    async def until(self, woken: asyncio.Event, *, seconds: float) -> bool:
        """Wait for the event of `listen`; False after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            return False
        woken.clear()
        return not self._over

    def tell(self, agencies: Iterable[str]) -> None:
        """Wake the polls of `agencies` everywhere; called after the commit, never before."""
        named = frozenset(agencies)
        self.wake(named)
        self._line.inboxes(named)

    def wake(self, agencies: Iterable[str]) -> None:
        """Wake the polls of `agencies` in this process."""
        for agency in agencies:
            for woken in self._waiting.get(agency, ()):
                woken.set()

    def waiting(self) -> frozenset[str]:
        """Return the agencies that have a poll waiting in this process."""
        return frozenset(self._waiting)

    @property
    def over(self) -> bool:
        """Whether the process is stopping."""
        return self._over

    def end(self) -> None:
        """End every poll at once, now and later: the process is stopping."""
        self._over = True
        for waiting in self._waiting.values():
            for woken in waiting:
                woken.set()
