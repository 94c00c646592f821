"""A table of figures as it is published: frozen, and the same for everybody who may read it.

Zero is not told from four: both are None, as is what would tell of another. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from exchange import canonical
from exchange.errors import Malformed
from exchange.figures.measure import Count, Dimension, Wait
from exchange.figures.period import Period, read_period
from exchange.members import read_time, write_time

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of the JSON: a line has 500, and an agreement some hundred categories at most."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, in minutes, rounded to half hours."""

    median: int
    p90: int | None
    """Nine of ten took no longer; None for fewer consents than that needs."""


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of one purpose, category or direction, or of all together."""

    value: str
    counts: Mapping[Count, int | None]
    waits: Mapping[Wait, Spread | None]

    @property
    def percent_in_time(self) -> int | None:
        """Of what was collected or expired, how much was collected; of published figures only."""
        collected, expired = self.counts[Count.COLLECTED], self.counts[Count.EXPIRED]
        if collected is None or expired is None:
            return None
        return round(100 * collected / (collected + expired))


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of an agreement for one period along one dimension."""

    period: Period
    dimension: Dimension
    frozen_at: datetime
    lines: tuple[Line, ...]
    """By value."""

    @property
    def suppressed(self) -> bool:
        """Whether some count is missing."""
        return any(count is None for line in self.lines for count in line.counts.values())

    def total(self, count: Count) -> int | None:
        """Return the sum of the lines that are published; None if there is none."""
        out = [found for line in self.lines if (found := line.counts[count]) is not None]
        return sum(out) if out else None


def write_table(table: Table) -> bytes:
    """Return the JSON of a table."""
    return canonical.encode(
        {
            "period": table.period.name,
            "by": table.dimension,
            "frozen_at": write_time(table.frozen_at),
            "lines": [_members(line) for line in table.lines],
        }
    )


def read_table(data: bytes) -> Table:
    """Return a table from its JSON.

    Raises:
        Malformed: it is not what `write_table` wrote.
    """
    stored = canonical.loads(data, limit=LARGEST)
    try:
        return Table(
            read_period(stored["period"]),
            Dimension(stored["by"]),
            read_time(stored["frozen_at"]),
            tuple(_line(line) for line in stored["lines"]),
        )
    except (KeyError, TypeError, ValueError):
        raise Malformed("a stored table of figures cannot be read") from None


def _members(line: Line) -> dict[str, canonical.Json]:
    members: dict[str, canonical.Json] = {"value": line.value}
    for count, found in line.counts.items():
        members[count] = found
    for wait, spread in line.waits.items():
        members[wait] = None if spread is None else {"median": spread.median, "p90": spread.p90}
    return members


def _line(stored: Mapping[str, Any]) -> Line:
    spreads = {wait: stored[wait] for wait in Wait}
    return Line(
        stored["value"],
        {count: stored[count] for count in Count},
        {
            wait: None if spread is None else Spread(spread["median"], spread["p90"])
            for wait, spread in spreads.items()
        },
    )
