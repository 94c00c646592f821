"""One part of a long list, for paper: all of a list at once would take too much memory.

Each part is a file of its own: it says which rows it has of how many, and is noted by itself.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from exchange.errors import Malformed
from exchange.forms.answer import PRINTED
from exchange.hub.officer_files.noted import Row, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which rows of a list are on one paper, counted from 1."""

    number: int
    of: int
    """How many parts there are; one where there are no rows."""
    rows: int
    """Of the whole list."""

    @property
    def first(self) -> int:
        """Its first row."""
        return (self.number - 1) * PRINTED + 1

    @property
    def last(self) -> int:
        """Its last row; below the first one where it has none."""
        return min(self.number * PRINTED, self.rows)


def parts_of(rows: int) -> tuple[Part, ...]:
    """Return the parts of a list with so many rows, at least one."""
    of = _parts(rows)
    return tuple(Part(number=number, of=of, rows=rows) for number in range(1, of + 1))


def part_of(rows: int, number: int) -> Part:
    """Return one part of a list with so many rows.

    Raises:
        Malformed: it has no such part.
    """
    of = _parts(rows)
    if not 1 <= number <= of:
        raise Malformed("the list has no such part")
    return Part(number=number, of=of, rows=rows)


def _parts(rows: int) -> int:
    return max(1, -(-rows // PRINTED))


async def rows_in(source: Source[Row], part: Part) -> Sequence[Row]:
    """Return the rows of a part; what is before them is gone through and not kept."""
    found: list[Row] = []
    behind = part.first - 1
    async with aclosing(source.pages()) as pages:
        async for page in pages:
            found += page[behind : behind + PRINTED - len(found)]
            behind = max(0, behind - len(page))
            if len(found) == PRINTED:
                break
    return found
