"""Whether a figure may be published beside those that are out: what anybody could subtract.

Every figure is a sum over cells that nobody sees: one for each month and place. What follows from
the published ones is what linear algebra makes of them, so that is what is computed here: with
whole numbers, so that nothing is lost in rounding. Pure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Final, TypeAlias

K: Final = 5
"""Fewest distinct consents that a figure stands for."""

Row: TypeAlias = dict[int, int]
"""A sum of cells, each by its factor: cells that do not count are absent."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What is published of one count, in the simplest figures that can be computed from it.

    Made by `guard`.
    """

    whose: Sequence[Collection[int]] = field(repr=False)
    """Consents behind each cell."""
    secrets: tuple[Row, ...] = field(repr=False)
    """Sums that nobody may learn, as far as they do not follow from what is out."""
    rows: Mapping[int, Row] = field(default_factory=dict, repr=False)
    """Reduced: each by a cell that stands in no other."""

    def admits(self, cells: frozenset[int]) -> bool:
        """Tell whether the sum of these cells may be published, too."""
        new = _reduced(_sum_of(cells), self.rows)
        if not new:
            return True  # it follows from what is out
        rows = _with(self.rows, new)
        changed = [row for pivot, row in rows.items() if row is not self.rows.get(pivot)]
        return all(self._stands_for_many(row) for row in changed) and not any(
            _same(secret, new) for secret in self.secrets
        )

    def publish(self, cells: frozenset[int]) -> "Guard":
        """Return the guard after this sum is out as well."""
        new = _reduced(_sum_of(cells), self.rows)
        if not new:
            return self
        secrets = tuple(_reduced(secret, {min(new): new}) for secret in self.secrets)
        return Guard(self.whose, secrets, _with(self.rows, new))

    def _stands_for_many(self, cells: Collection[int]) -> bool:
        """Tell whether K consents or more are behind these cells; none are too few as well."""
        found: set[int] = set()
        for cell in cells:
            found.update(self.whose[cell])
            if len(found) >= K:
                return True
        return False


def guard(whose: Sequence[Collection[int]], secrets: Iterable[frozenset[int]]) -> Guard:
    """Return the guard of a count of which nothing is published yet.

    Args:
        whose: consents behind each cell; a cell is its index.
        secrets: sums that nobody may learn, each by its cells.
    """
    return Guard(whose, tuple(_sum_of(cells) for cells in secrets))


def _sum_of(cells: Collection[int]) -> Row:
    return dict.fromkeys(cells, 1)


def _same(row: Row, other: Row) -> bool:
    """Tell whether one is a multiple of the other; neither is empty."""
    return row.keys() == other.keys() and not _without(row, min(other), other)


def _reduced(row: Row, rows: Mapping[int, Row]) -> Row:
    """Return what of a sum does not follow from the others; nothing, if all of it does."""
    for pivot in [cell for cell in row if cell in rows]:
        row = _without(row, pivot, rows[pivot])
    return row


def _with(rows: Mapping[int, Row], new: Row) -> dict[int, Row]:
    """Return the rows with one more, reduced by the others, and the others by it."""
    pivot = min(new)
    reduced = {at: _without(row, pivot, new) if pivot in row else row for at, row in rows.items()}
    return reduced | {pivot: new}


def _without(row: Row, pivot: int, other: Row) -> Row:
    """Return a row from which so much of another is subtracted that `pivot` is gone."""
    times, less = other[pivot], row[pivot]
    left = {cell: times * factor for cell, factor in row.items()}
    for cell, factor in other.items():
        left[cell] = left.get(cell, 0) - less * factor
    divisor = gcd(*left.values())
    return {cell: factor // divisor for cell, factor in left.items() if factor}
