"""Whether more disclosures were refused than an agency is used to: by its own weeks. Pure.

Two counts decide, so that whoever is told can check it by hand
(docs/decisions/0035-refusals-are-unusual-by-the-agency-s-own-weeks.md).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

LATELY: Final = timedelta(days=7)
"""The days that are judged; today is the last one."""
WEEKS: Final = 4
"""Weeks right before them, which they are compared with."""
FLOOR: Final = 5
"""Fewer refusals in `LATELY` are never unusual: two instead of one tell nothing."""
TIMES: Final = 2
"""More than so many times the average of the weeks before are unusual."""
MOST: Final = 10_000
"""Refusals in `LATELY` that are counted. So many are unusual whatever was before."""
MOST_BEFORE: Final = WEEKS * MOST // TIMES
"""The same of all the weeks before: more of them would change no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """How many disclosures were refused, and how many are usual."""

    lately: int
    """In `LATELY`, counted up to `MOST`."""
    before: int
    """In all the `WEEKS` before together, counted up to `MOST_BEFORE`."""

    @property
    def unusual(self) -> bool:
        """Whether they are more than the agency is used to."""
        if self.lately < FLOOR:
            return False
        return self.lately >= MOST or self.lately * WEEKS > TIMES * self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Which days are compared, each span half open."""

    before: date
    """First day of the weeks before."""
    lately: date
    """First day of those that are judged."""
    until: date
    """The first day that does not count."""


def compared(today: date) -> Compared:
    """Return which days are compared on a day, in whatever zone that day is one."""
    until = today + timedelta(days=1)
    return Compared(before=until - LATELY * (1 + WEEKS), lately=until - LATELY, until=until)
