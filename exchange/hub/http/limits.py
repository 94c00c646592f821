"""How much one caller may ask of the hub: rates, and things under way at the same time.

Counted by caller alone and before anything is known about an object, so that a refusal for
too many requests tells nothing. Kept in memory, by each process for itself: a restart forgives,
and n replicas let n times as much through.

Withdrawals, confirmations of erasure and key statements are never refused here: beyond their
own budget they wait their turn.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from exchange.errors import NotFound, NotPermitted, TooMany
from exchange.hub.settings import AgencyLimits, TokenLimits

PATIENT_RATE = 1.0
"""Withdrawals, confirmations and key statements per second and agency before they wait."""
PATIENT_BURST = 100
"""How many of them may come at once before they wait."""
LOG_RATE, LOG_BURST = 100.0, 1000
"""Files of the log per second and agency, or address of a stranger: an audit reads all of them."""
COSIGNATURE_RATE, COSIGNATURE_BURST = 2.0, 50
"""Cosignatures per second and address: a witness sends one every few seconds."""
LOGIN_RATE, LOGIN_BURST = 1.0, 30
"""Logins begun per second and address: an office behind one address has some officers."""
MOST_CALLERS = 50_000
"""Callers remembered at once; addresses can be invented, memory cannot."""

Ticks = Callable[[], float]
"""Monotonic seconds."""


class Rate:
    """Token buckets: `burst` at once, `per_second` in the long run, for each caller."""

    def __init__(self, per_second: float, burst: float, ticks: Ticks) -> None:
        self._per_second = per_second
        self._burst = burst
        self._ticks = ticks
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> float:
        """Count one request of `caller`; return seconds to wait, 0 if it is within the rate.

        A request that must wait is counted only by whoever then waits: see `owe`.
        """
        now = self._ticks()
        level = self._level(caller, now)
        if level < 1:
            return (1 - level) / self._per_second
        self._levels[caller] = (level - 1, now)
        return 0.0

    def owe(self, caller: str) -> float:
        """Count one request of `caller` in any case; return seconds it has to wait first."""
        now = self._ticks()
        level = self._level(caller, now) - 1
        self._levels[caller] = (level, now)
        return max(0.0, -level / self._per_second)

    def empty(self, caller: str) -> bool:
        """Tell whether `caller` has nothing left, without counting."""
        return self._level(caller, self._ticks()) < 1

    def _level(self, caller: str, now: float) -> float:
        if len(self._levels) > MOST_CALLERS:
            self._forget(now)
        level, since = self._levels.get(caller, (self._burst, now))
        return min(self._burst, level + (now - since) * self._per_second)

    def _forget(self, now: float) -> None:
        # A full bucket says the same as none.
        full = self._burst / self._per_second
        self._levels = {
            caller: found for caller, found in self._levels.items() if now - found[1] < full
        }


class UnderWay:
    """Counts what a caller has under way at the same time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now: dict[str, int] = {}

    def one(self, caller: str) -> "_One":
        """Return a block during which one is counted.

        Raises:
            TooMany: as many as allowed are under way.
        """
        if self._now.get(caller, 0) >= self._most:
            raise TooMany
        return _One(self._now, caller)


class _One:
    """One thing under way; a class, because every request enters two of them."""

    __slots__ = ("_caller", "_now")

    def __init__(self, now: dict[str, int], caller: str) -> None:
        self._now = now
        self._caller = caller

    def __enter__(self) -> None:
        self._now[self._caller] = self._now.get(self._caller, 0) + 1

    def __exit__(self, *_raised: object) -> None:
        left = self._now.pop(self._caller) - 1
        if left:
            self._now[self._caller] = left


class Limits:
    """Every limit of this process by caller."""

    def __init__(self, agency: AgencyLimits, token: TokenLimits, ticks: Ticks) -> None:
        self.requests = Rate(agency.rate, agency.burst, ticks)
        self.decisions = Rate(agency.decisions, agency.decisions, ticks)
        self.denials = Rate(agency.denials_per_minute / 60, agency.denials_per_minute, ticks)
        self.tokens = Rate(token.rate, token.burst, ticks)
        self.token_addresses = Rate(token.per_address, token.per_address, ticks)
        self.patient = Rate(PATIENT_RATE, PATIENT_BURST, ticks)
        self.log = Rate(LOG_RATE, LOG_BURST, ticks)
        self.cosignatures = Rate(COSIGNATURE_RATE, COSIGNATURE_BURST, ticks)
        self.logins = Rate(LOGIN_RATE, LOGIN_BURST, ticks)
        self.parallel = UnderWay(agency.parallel)
        self.uploads = UnderWay(agency.streams)
        self.downloads = UnderWay(agency.streams)
        self.polls = UnderWay(agency.polls)


def within(rate: Rate, caller: str) -> None:
    """Count one request of `caller`, or raise TooMany."""
    if rate.take(caller) > 0:
        raise TooMany


async def in_turn(rate: Rate, caller: str) -> None:
    """Count one request of `caller` and wait until its turn; never refuse it."""
    if (wait := rate.owe(caller)) > 0:
        await asyncio.sleep(wait)


@contextmanager
def denials_counted(limits: Limits, caller: str) -> Iterator[None]:
    """Count a no of the gate in the block; beyond the rate the gate is not asked any more.

    The answer is then the same for everything this caller asks for, and nothing is logged: so
    nobody can flood the log.

    Raises:
        TooMany: `caller` was denied too often in the last minute.
    """
    if limits.denials.empty(caller):
        raise TooMany
    try:
        yield
    except (NotPermitted, NotFound):
        limits.denials.owe(caller)
        raise
