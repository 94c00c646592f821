"""Counts answers, how long they took and what they refused; by route patterns, never by caller.

So few that a caller could be told by them are counted together: neither an agency nor an id is a
label, and what no route has is one pattern and one method.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

BOUNDS: Final = (0.01, 0.05, 0.25, 1.0, 5.0)
"""Upper bounds of the classes of durations, in seconds; the last class has none."""


@dataclass(slots=True)
class Durations:
    """How long answers took."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """In each class."""
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one more; what took exactly as long as a bound is below it."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total_s += seconds

    def up_to(self) -> list[int]:
        """Return how many took no longer than each bound, and at last how many there were."""
        return list(accumulate(self.counts))


class Traffic:
    """What one process has answered since it began; used in one event loop."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.answers: Counter[tuple[str, str, int]] = Counter()
        """By method, pattern of the route and status."""
        self.durations: dict[tuple[str, str], Durations] = {}
        """By method and pattern of the route."""
        self.problems: Counter[str] = Counter()
        """By code."""

    def count(
        self, *, method: str, route: str, status: int, code: str | None, seconds: float
    ) -> None:
        """Count one answer; see `exchange.serving.middleware.Count`."""
        self.answers[method, route, status] += 1
        self.durations.setdefault((method, route), Durations()).add(seconds)
        if code is not None:
            self.problems[code] += 1
