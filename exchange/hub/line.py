"""What replicas tell each other: where to look, never what is there.

A hint and nothing else. What is lost costs time: everybody looks by himself at intervals (see
`exchange.hub.listen`). Where one process has the database to itself, nobody reads what is said.
"""

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from exchange import canonical
from exchange.errors import Malformed

TOGETHER_S = 0.02
"""Seconds in which hints are gathered: one notification then stands for many commits."""
MOST_INBOXES = 50
"""Agencies named in one hint; PostgreSQL takes payloads below 8000 bytes."""
LIMIT = 8000
"""Bytes of a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Where another replica should look."""

    said_by: str
    """Random name of the replica, so that it knows its own words when it hears them."""
    inboxes: frozenset[str] = frozenset()
    """Agencies for which something is new."""
    ends: bool = False
    """Whether a consent has ended: streams under it are to be cut."""
    heads: bool = False
    """Whether a head of the log was signed."""
    agencies: bool = False
    """Whether an agency was admitted or suspended, or has a new identity."""

    def encode(self) -> str:
        """Return the hint as one line; ids of agencies are all it names."""
        said: canonical.Json = {
            "by": self.said_by,
            "inboxes": sorted(self.inboxes),
            "ends": self.ends,
            "heads": self.heads,
            "agencies": self.agencies,
        }
        return canonical.encode(said).decode("ascii")


def read_hint(text: str) -> Hint:
    """Return the hint in a notification.

    Raises:
        Malformed: not a hint; anybody who may use the database may notify.
    """
    match canonical.loads(text.encode(), limit=LIMIT):
        case {
            "by": str(by),
            "inboxes": list(names),
            "ends": bool(ends),
            "heads": bool(heads),
            "agencies": bool(agencies),
        }:
            inboxes = frozenset(name for name in names if isinstance(name, str))
            return Hint(said_by=by, inboxes=inboxes, ends=ends, heads=heads, agencies=agencies)
        case _:
            raise Malformed("not a hint")


class Line:
    """What this replica has to tell the others, until it is sent."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        """Of this replica."""
        self._inboxes: set[str] = set()
        self._ends = False
        self._heads = False
        self._agencies = False
        self._something = asyncio.Event()

    def inboxes(self, agencies: Iterable[str]) -> None:
        """Say that something is new for `agencies`; called after the commit, never before."""
        self._inboxes.update(agencies)
        self._something.set()

    def ends(self) -> None:
        """Say that a consent has ended; called after the commit."""
        self._ends = True
        self._something.set()

    def heads(self) -> None:
        """Say that a head of the log was signed; called after it is durable."""
        self._heads = True
        self._something.set()

    def agencies(self) -> None:
        """Say that who may call or sign has changed; called after the commit."""
        self._agencies = True
        self._something.set()

    async def something(self) -> None:
        """Wait until there is something to say, and a moment for what comes with it."""
        await self._something.wait()
        await asyncio.sleep(TOGETHER_S)

    def take(self) -> list[Hint]:
        """Return what there is to say, and forget it."""
        names = sorted(self._inboxes)
        parts = [names[at : at + MOST_INBOXES] for at in range(0, len(names), MOST_INBOXES)]
        hints = [
            Hint(
                said_by=self.name,
                inboxes=frozenset(part),
                ends=self._ends,
                heads=self._heads,
                agencies=self._agencies,
            )
            for part in parts or [[]]
        ]
        said = bool(names) or self._ends or self._heads or self._agencies
        self._inboxes.clear()
        self._ends = self._heads = self._agencies = False
        self._something.clear()
        return hints if said else []
