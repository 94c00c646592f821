"""Which figures of a period may be published: everything else is left out, for good.

Each table is made once, when its period is over, in a fixed order: a month before its quarter, a
quarter before its year, the total before what it is split into. A cell goes out when five
consents or more stand behind it and nothing that anybody could compute from it and from all that
is out already stands for fewer (`exchange.figures.guard`). Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from statistics import median
from typing import Final, TypeAlias

from exchange.figures.guard import Guard, K, guard
from exchange.figures.measure import Count, Dimension, Place, Wait
from exchange.figures.period import Period, complete_by, complete_with
from exchange.figures.table import Line, Spread, Table
from exchange.figures.tally import Tally

MOST_OF: Final = 20
"""Fewest distinct consents behind "nine of ten took no longer"."""
HALF_HOUR: Final = 30
"""Minutes to which waits are rounded: the exact time is that of one document."""
SHOWN_WITH: Final = {
    Wait.COLLECT: Count.COLLECTED,
    Wait.ACKNOWLEDGE: Count.COLLECTED,
    Wait.ANSWER: Count.REQUESTS,
}
"""A wait is published only where this count is."""

Cells: TypeAlias = frozenset[int]
Out: TypeAlias = dict[Count, set[str]]
"""Values of the lines that are published, by count."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """Every month of a year and every place in which something can be counted."""

    where: tuple[tuple[Period, Place], ...]
    """Of each cell."""
    tallies: Mapping[Period, Tally] = field(repr=False)

    def lines(self, period: Period, dimension: Dimension) -> dict[str, Cells]:
        """Return the cells of each line of a table, by its value."""
        months = set(period.months)
        found: dict[str, set[int]] = {}
        for cell, (month, place) in enumerate(self.where):
            if month in months:
                found.setdefault(place.along(dimension), set()).add(cell)
        return {value: frozenset(cells) for value, cells in sorted(found.items())}

    def sums(self) -> frozenset[Cells]:
        """Return what somebody could try to learn.

        Every line of every table of the year so far, and what one of them is less another.
        """
        lines = {
            cells
            for period in complete_by(self.where[-1][0])
            for dimension in Dimension
            for cells in self.lines(period, dimension).values()
        }
        return frozenset(
            lines | {cells - less for cells in lines for less in lines if less < cells}
        )

    def behind(self, count: Count) -> tuple[Mapping[int, int], ...]:
        """Return how many of each consent were counted in each cell."""
        return tuple(
            self.tallies[month].counts.get(count, {}).get(place, {}) for month, place in self.where
        )

    def waits(self, wait: Wait, cells: Cells) -> list[tuple[int, int]]:
        """Return consents and minutes of everything in these cells."""
        found: list[tuple[int, int]] = []
        for cell in cells:
            month, place = self.where[cell]
            found += self.tallies[month].waits.get(wait, {}).get(place, ())
        return found


def publish(
    possible: Iterable[Place], tallies: Sequence[Tally], before: Sequence[Table], *, at: datetime
) -> tuple[Table, ...]:
    """Return the tables of every period that ends with a month, in the order they are made.

    Args:
        possible: where something can be counted under the agreement.
        tallies: of the months of one year up to this one, in order; before the agreement there
            are none.
        before: every table of this year that is out.
        at: when the tables are frozen.
    """
    ground = _ground(possible, tallies)
    numbers = {count: ground.behind(count) for count in Count}
    sums = ground.sums()
    guards = {count: _opened(ground, sums, numbers[count], before, count) for count in Count}
    made = []
    for period in complete_with(tallies[-1].month):
        for dimension in Dimension:
            lines = ground.lines(period, dimension)
            weights = {count: _weights(numbers[count], lines) for count in Count}
            out = {count: _safe(guards[count], lines, weights[count]) for count in Count}
            _even(out, weights)
            for count in Count:
                for value in sorted(out[count]):
                    guards[count] = guards[count].publish(lines[value])
            written = tuple(_line(ground, numbers, out, value, lines[value]) for value in lines)
            made.append(Table(period, dimension, at, written))
    return tuple(made)


def _ground(possible: Iterable[Place], tallies: Sequence[Tally]) -> _Ground:
    met = {place for one in tallies for by in one.counts.values() for place in by}
    met |= {place for one in tallies for by in one.waits.values() for place in by}
    everywhere = sorted(met.union(possible))
    where = tuple((one.month, place) for one in tallies for place in everywhere)
    return _Ground(where, {one.month: one for one in tallies})


def _opened(
    ground: _Ground,
    sums: Iterable[Cells],
    numbers: Sequence[Mapping[int, int]],
    before: Sequence[Table],
    count: Count,
) -> Guard:
    """Return the guard of a count, with what is out of it."""
    opened = guard(numbers, [cells for cells in sums if _consents(numbers, cells) < K])
    for table in before:
        lines = ground.lines(table.period, table.dimension)
        for line in table.lines:
            if line.counts[count] is not None:
                opened = opened.publish(lines[line.value])
    return opened


def _consents(numbers: Sequence[Mapping[int, int]], cells: Cells) -> int:
    return len(set[int]().union(*(numbers[cell] for cell in cells)))


def _weights(numbers: Sequence[Mapping[int, int]], lines: Mapping[str, Cells]) -> dict[str, int]:
    return {value: _consents(numbers, cells) for value, cells in lines.items()}


def _safe(opened: Guard, lines: Mapping[str, Cells], weights: Mapping[str, int]) -> set[str]:
    """Return the lines of a count that may go out together: the largest are tried first."""
    out: set[str] = set()
    for value in sorted(lines, key=lambda value: (-weights[value], value)):
        if weights[value] >= K and opened.admits(lines[value]):
            opened = opened.publish(lines[value])
            out.add(value)
    return out


def _even(out: Out, weights: Mapping[Count, Mapping[str, int]]) -> None:
    """Where exactly one cell of a row or a column is missing, take the next smallest away, too.

    For the linear algebra that is not needed. It is for readers who know one of the cells.
    """
    while _even_columns(out, weights) or _even_rows(out, weights):
        continue


def _even_columns(out: Out, weights: Mapping[Count, Mapping[str, int]]) -> bool:
    changed = False
    for count, shown in out.items():
        if shown and len(weights[count]) - len(shown) == 1:
            shown.remove(min(shown, key=lambda value: (weights[count][value], value)))
            changed = True
    return changed


def _even_rows(out: Out, weights: Mapping[Count, Mapping[str, int]]) -> bool:
    changed = False
    for value in weights[Count.STORED]:
        shown = [count for count in Count if value in out[count]]
        if len(Count) - len(shown) == 1:
            out[min(shown, key=lambda count: (weights[count][value], count))].remove(value)
            changed = True
    return changed


def _line(
    ground: _Ground,
    numbers: Mapping[Count, Sequence[Mapping[int, int]]],
    out: Out,
    value: str,
    cells: Cells,
) -> Line:
    def counted(count: Count) -> int | None:
        if value not in out[count]:
            return None
        return sum(sum(numbers[count][cell].values()) for cell in cells)

    def spread(wait: Wait) -> Spread | None:
        if value not in out[SHOWN_WITH[wait]]:
            return None
        return _spread(ground.waits(wait, cells))

    return Line(
        value, {count: counted(count) for count in Count}, {wait: spread(wait) for wait in Wait}
    )


def _spread(pairs: Sequence[tuple[int, int]]) -> Spread | None:
    consents = len({whose for whose, _ in pairs})
    if consents < K:
        return None
    minutes = sorted(taken for _, taken in pairs)
    ninth = minutes[ceil(len(minutes) * 9 / 10) - 1]
    return Spread(_rounded(median(minutes)), _rounded(ninth) if consents >= MOST_OF else None)


def _rounded(minutes: float) -> int:
    return round(minutes / HALF_HOUR) * HALF_HOUR
