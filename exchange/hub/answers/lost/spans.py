"""Stretches of the log that lists were made from, as few as they can be said in."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches that do not touch each other, in their order."""

    found: tuple[tuple[int, int], ...] = ()
    """Of each the first entry, and the one behind the last."""

    def joined(self, more: Iterable[tuple[int, int]]) -> "Spans":
        """Return the same with more stretches; those that touch become one."""
        known: list[tuple[int, int]] = []
        for first, end in sorted([*self.found, *(one for one in more if one[0] < one[1])]):
            if known and first <= known[-1][1]:
                known[-1] = (known[-1][0], max(end, known[-1][1]))
            else:
                known.append((first, end))
        return Spans(tuple(known))

    def holds(self, index: int) -> bool:
        """Tell whether an entry lies in one of them."""
        place = bisect_right(self.found, (index, index + 1)) - 1
        near = self.found[max(place, 0) : place + 2]
        return any(first <= index < end for first, end in near)

    def slices(self, behind: int, width: int) -> Iterator[tuple[int, int]]:
        """Yield what is to be looked at behind an entry, at most so wide; gaps are jumped over."""
        come = behind + 1
        for first, end in self.found:
            come = max(come, first)
            while come < end:
                yield come, come + width
                come += width
