"""Periods that figures are made for: a year, a quarter or a month, never a free range.

Two ranges of one's own choice differ by a day, and so would their figures. Months are those of
the German calendar (`exchange.days`). Pure.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from exchange.days import begin_of, day_of, days_after
from exchange.errors import Malformed

MONTHS: Final = 12
QUARTER: Final = 3
"""Months of a quarter."""
FREEZING_DAYS: Final = 14
"""Days after the end of a period until its figures are made, once and for all."""
_PERIOD = re.compile(r"(2[0-9]{3})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Some months of one year that follow each other."""

    year: int
    first: int
    """Number of the first month, from 1."""
    count: int
    """Of months: 1, 3 or 12."""

    @property
    def name(self) -> str:
        """How it is written: 2026, 2026-Q1 or 2026-03."""
        if self.count == MONTHS:
            return f"{self.year}"
        if self.count == QUARTER:
            return f"{self.year}-Q{(self.first - 1) // QUARTER + 1}"
        return f"{self.year}-{self.first:02}"

    @property
    def months(self) -> tuple["Period", ...]:
        """The months in it, in order."""
        return tuple(month(self.year, self.first + step) for step in range(self.count))

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        return begin_of(date(self.year, self.first, 1))

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        following = _after(self.year, self.first + self.count - 1)
        return begin_of(date(following.year, following.first, 1))

    @property
    def due(self) -> datetime:
        """When its figures are frozen."""
        return days_after(self.end, FREEZING_DAYS)


def read_period(text: str) -> Period:
    """Return the period that is written like this.

    Raises:
        Malformed: it is no year, quarter or month from 2000 on.
    """
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise Malformed("a period is a year, a quarter or a month: 2026, 2026-Q1 or 2026-03")
    year, quarter, number = found.groups()
    if quarter is not None:
        return Period(int(year), (int(quarter) - 1) * QUARTER + 1, QUARTER)
    if number is not None:
        return month(int(year), int(number))
    return Period(int(year), 1, MONTHS)


def month(year: int, number: int) -> Period:
    """Return a month by its number from 1 to 12."""
    return Period(year, number, 1)


def month_of(moment: datetime) -> Period:
    """Return the month in which an aware moment lies."""
    day = day_of(moment)
    return month(day.year, day.month)


def next_month(now: Period) -> Period:
    """Return the month after a month."""
    return _after(now.year, now.first)


def newest_due(now: datetime) -> Period:
    """Return the last month whose figures can be frozen at `now`."""
    today = day_of(now)
    before = _before(today.year, today.month)
    return before if before.due <= now else _before(before.year, before.first)


def complete_with(last: Period) -> tuple[Period, ...]:
    """Return the periods that end with a month: itself, and perhaps its quarter and its year."""
    ended = [last]
    if last.first % QUARTER == 0:
        ended.append(Period(last.year, last.first - QUARTER + 1, QUARTER))
    if last.first == MONTHS:
        ended.append(Period(last.year, 1, MONTHS))
    return tuple(ended)


def complete_by(last: Period) -> tuple[Period, ...]:
    """Return every period of the year that has ended when this month has."""
    passed = (month(last.year, number) for number in range(1, last.first + 1))
    return tuple(period for one in passed for period in complete_with(one))


def _after(year: int, number: int) -> Period:
    return month(year + 1, 1) if number == MONTHS else month(year, number + 1)


def _before(year: int, number: int) -> Period:
    return month(year - 1, MONTHS) if number == 1 else month(year, number - 1)
