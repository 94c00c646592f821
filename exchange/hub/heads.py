"""What this replica knows of the log's head, who waits for it, and why it may not grow.

In memory only: the sequencer tells it after each signature, hints of other replicas and looks of
its own keep it up to date. What counts is read from the database by whoever needs it.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from exchange.errors import Unavailable

OLDEST = timedelta(seconds=30)
"""How long a leaf may wait for a signed head before nothing more is disclosed."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A head of the log that was signed and is durable."""

    size: int
    root: bytes
    note: bytes
    """Text and the log's own line; cosignatures are rows of their own."""
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Lag:
    """What waits to be covered by a signed head, as last looked at."""

    pending: int
    """Leaves that no signed head covers; counted up to one above the limit."""
    since: datetime | None
    """When the oldest of them was recorded; None if there is none."""


class Heads:
    """The newest signed head, and whoever waits for one."""

    def __init__(self, *, pending_limit: int) -> None:
        self.newest: Signed | None = None
        """The largest signed head this process knows; None before the first."""
        self.lag = Lag(0, None)
        self.stopped: str | None = None
        """Why this replica signs no more, as a code such as `evidence`; None while it may."""
        self.unwitnessed: str | None = None
        """Why new disclosures wait for witnesses, as a code; None while they need not."""
        self._limit = pending_limit
        self._grown = asyncio.Condition()
        self._stirred = asyncio.Event()

    async def learn(self, head: Signed) -> bool:
        """Take over a signed head and wake who waits; False if it is not larger."""
        raise NotImplementedError

    async def beyond(self, index: int, *, seconds: float) -> bool:
        """Wait until a signed head covers the entry at `index`; False after `seconds`."""
        raise NotImplementedError

    def check_room(self, now: datetime) -> None:
        """Refuse what would make the log longer than it can be signed; for new disclosures only.

        Raises:
            Unavailable: the signer has stopped, or too much or too old leaves wait.
        """
        raise NotImplementedError
