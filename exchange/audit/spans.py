"""Spans of entries: first and last index, both included, as tombstones and findings name them.

Pure.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from exchange.audit.spelling import LARGEST_NUMBER
from exchange.errors import Malformed

Span: TypeAlias = tuple[int, int]
"""First and last index of neighbouring entries, both included."""


def spans_of(indexes: Iterable[int]) -> tuple[Span, ...]:
    """Return the fewest spans that hold exactly these indexes, ascending."""
    spans: list[Span] = []
    for index in sorted(set(indexes)):
        if spans and spans[-1][1] == index - 1:
            spans[-1] = (spans[-1][0], index)
        else:
            spans.append((index, index))
    return tuple(spans)


def check_spans(spans: Sequence[Span]) -> None:
    """Refuse spans that are not ascending, disjoint and apart: one set has one spelling.

    Raises:
        Malformed: they are not, or an index is out of range.
    """
    if any(not 0 <= first <= last <= LARGEST_NUMBER for first, last in spans):
        raise Malformed("a span has a first and a last entry")
    if any(after[0] <= before[1] + 1 for before, after in pairwise(spans)):
        raise Malformed("spans are not sorted, or touch each other")
