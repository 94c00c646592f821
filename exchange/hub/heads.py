"""What this replica knows of the log's head, who waits for it, and why it may not grow.

In memory only: the sequencer tells it after each signature, hints of other replicas and looks of
its own keep it up to date. What counts is read from the database by whoever needs it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

import structlog

from exchange.errors import Unavailable
from exchange.hub.storage.checkpoints import Signed

OLDEST_S = 30.0
"""Seconds a leaf may wait for a signed head before nothing more is disclosed."""
MOST_LOOKS = 1000
"""Looks that are remembered, to tell how old what waits is."""

CHECKING = "checking"
"""The database has not been compared yet with what others hold."""
UNCONFIRMED = "unconfirmed"
"""Nobody could say that the database is the newest one."""
EVIDENCE = "evidence"
"""Somebody holds a head with our signature that the database contradicts."""
DAMAGED = "damaged"
"""Entries, tiles, tree and signed heads do not fit each other."""
CLOCK = "clock"
"""The clock is behind the last signature."""
_FINAL = frozenset({EVIDENCE, DAMAGED})
"""Reasons that only a start anew, and its checks, can end."""


class Heads:
    """The newest signed head, and whoever waits for one; used in one event loop."""

    def __init__(self, *, pending_limit: int, ticks: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet.

        Args:
            pending_limit: leaves that may wait.
            ticks: monotonic seconds.
        """
        self._ticks = ticks
        self.newest: Signed | None = None
        """The largest signed head this process knows; None before the first."""
        self.pending = 0
        """Leaves that waited for the tree at the last look, counted up to one above the limit."""
        self.stopped: str | None = CHECKING
        """Why this replica signs nothing, as a code above; None while it may."""
        self.unwitnessed_since: datetime | None = None
        """When the oldest candidate was named that has waited for its quorum since; None: none."""
        self.candidate: int | None = None
        """Size of the newest head that was named a candidate, as last looked at."""
        self.named: int | None = None
        """Size of the newest one that this replica has named."""
        self.pending_limit = pending_limit
        self._looks: deque[tuple[float, int]] = deque()
        """Monotonic seconds of looks, and how many leaves there were then, waiting ones too."""
        self._grown = asyncio.Event()
        self._stirred = asyncio.Event()
        self._confirmed = asyncio.Event()
        self._compared = asyncio.Event()
        self._over = False

    @property
    def names_candidates(self) -> bool:
        """Whether this replica named the newest candidate: it talks to the witnesses."""
        return self.named is not None and self.named == self.candidate

    def learn(self, head: Signed) -> bool:
        """Take over a signed head and wake who waits; False if it is not larger."""
        if self.newest is not None and head.size <= self.newest.size:
            return False
        self.newest = head
        self._forget_covered()
        self._grown.set()
        self._grown = asyncio.Event()
        return True

    def covers(self, index: int) -> bool:
        """Tell whether a signed head covers the entry at `index`."""
        return self.newest is not None and index < self.newest.size

    async def grown(self, *, seconds: float | None) -> bool:
        """Wait for the next signed head; False after `seconds`, or when the process stops."""
        grown = self._grown
        return not self._over and await _set(grown, seconds) and not self._over

    async def beyond(self, index: int, *, seconds: float) -> bool:
        """Wait until a signed head covers the entry at `index`; False after `seconds`."""
        ends_at = self._ticks() + seconds
        while not self.covers(index):
            if not await self.grown(seconds=max(0.0, ends_at - self._ticks())):
                return self.covers(index)
        return True

    def stir(self) -> None:
        """Say that a unit of work was committed here: it may have left leaves."""
        self._stirred.set()

    async def stirred(self, *, seconds: float) -> None:
        """Wait for `stir`, but no longer than `seconds`, and forget what came."""
        await _set(self._stirred, seconds)
        if not self._over:
            self._stirred.clear()

    def confirm(self) -> None:
        """Say that a witness of the policy has just cosigned a head of this database."""
        self._confirmed.set()

    async def confirmed(self, *, seconds: float) -> bool:
        """Wait until one has; False after `seconds`, or when the process stops."""
        return await _set(self._confirmed, seconds) and not self._over

    def stop(self, code: str) -> None:
        """Sign no more from now on, and say why, once; a final reason is never replaced."""
        if self.stopped == code or self.stopped in _FINAL:
            return
        self.stopped = code
        self._compared.set()
        structlog.get_logger("exchange.hub.log").error("log-stopped", code=code)

    def resume(self) -> None:
        """Sign from now on, unless there is a final reason not to."""
        if self.stopped is None or self.stopped in _FINAL:
            return
        if self.stopped != CHECKING:
            structlog.get_logger("exchange.hub.log").warning("log-resumes", code=self.stopped)
        self.stopped = None
        self._compared.set()

    def looked(self, *, size: int, pending: int) -> None:
        """Note what a look at the database found: the size of the tree, and what waits for it."""
        self.pending = pending
        if pending or self.newest is None or size > self.newest.size:
            last = self._looks[-1][1] if self._looks else -1
            if size + pending > last and len(self._looks) < MOST_LOOKS:
                self._looks.append((self._ticks(), size + pending))
        self._forget_covered()

    def age_s(self) -> float:
        """Return the seconds since what waits longest for a signed head was seen; 0 if nothing."""
        if not self._looks:
            return 0.0
        return self._ticks() - self._looks[0][0]

    async def compared(self, *, seconds: float) -> bool:
        """Wait until the database was compared with what others hold; False after `seconds`."""
        return await _set(self._compared, seconds)

    def check_room(self) -> None:
        """Refuse what would make the log longer than it is signed; for new disclosures only.

        Raises:
            Unavailable: the signer has stopped, or too many or too old leaves wait.
        """
        if not self.has_room:
            raise Unavailable("the log is behind, or signs nothing")

    @property
    def has_room(self) -> bool:
        """Whether a new disclosure may make the log longer."""
        return (
            self.stopped is None and self.pending <= self.pending_limit and self.age_s() <= OLDEST_S
        )

    def end(self) -> None:
        """End every wait at once, now and later: the process is stopping."""
        self._over = True
        for event in (self._grown, self._stirred, self._confirmed, self._compared):
            event.set()

    def _forget_covered(self) -> None:
        covered = 0 if self.newest is None else self.newest.size
        while self._looks and self._looks[0][1] <= covered:
            self._looks.popleft()


async def _set(event: asyncio.Event, seconds: float | None) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
