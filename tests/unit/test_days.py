"""exchange.days: days of 23, 24 and 25 hours, leap days, and papers that bear only a date."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.days import (
    begin_of,
    day_of,
    days_after,
    end_of,
    last_day,
    moment_of,
    signed_on,
    working_day_after,
)

DAYS = st.dates(date(2000, 1, 1), date(2060, 12, 31))


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 3, 29), 23),
        (date(2026, 10, 25), 25),
        (date(2028, 2, 29), 24),
        (date(2026, 12, 31), 24),
    ],
)
def test_days_have_the_hours_they_have_in_germany(day: date, hours: int) -> None:
    assert end_of(day) - begin_of(day) == timedelta(hours=hours)


def test_until_a_day_means_its_end() -> None:
    assert end_of(date(2026, 12, 31)) == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert end_of(date(2026, 8, 31)) == datetime(2026, 8, 31, 22, tzinfo=UTC)
    assert end_of(date(2026, 8, 31)).tzinfo is UTC


@given(DAYS)
def test_every_day_contains_its_edges_and_is_printed_as_itself(day: date) -> None:
    assert day_of(begin_of(day)) == day
    assert day_of(end_of(day) - timedelta(seconds=1)) == day
    assert day_of(end_of(day)) == day + timedelta(days=1)
    assert last_day(end_of(day)) == day


@pytest.mark.parametrize(
    ("moment", "days", "after"),
    [
        (datetime(2026, 3, 2, 9, 40, tzinfo=UTC), 28, datetime(2026, 3, 30, 8, 40, tzinfo=UTC)),
        (datetime(2026, 10, 1, 8, 0, tzinfo=UTC), 28, datetime(2026, 10, 29, 9, 0, tzinfo=UTC)),
        (datetime(2028, 2, 28, 11, tzinfo=UTC), 1, datetime(2028, 2, 29, 11, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), 365, datetime(2027, 12, 31, 23, tzinfo=UTC)),
        (datetime(2026, 3, 2, 9, 40, tzinfo=UTC), 0, datetime(2026, 3, 2, 9, 40, tzinfo=UTC)),
    ],
)
def test_days_later_the_clock_on_the_wall_says_the_same(
    moment: datetime, days: int, after: datetime
) -> None:
    assert days_after(moment, days) == after
    assert days_after(moment, days).tzinfo is UTC


@given(DAYS, st.integers(0, 731))
def test_days_after_midnight_is_midnight(day: date, days: int) -> None:
    assert days_after(begin_of(day), days) == begin_of(day + timedelta(days=days))


NOW = datetime(2026, 3, 2, 23, 30, 5, 700, tzinfo=UTC)  # half past midnight of 3 March in Germany


def test_a_paper_of_today_counts_from_its_entry_and_an_older_one_from_noon() -> None:
    assert signed_on(date(2026, 3, 3), now=NOW) == NOW.replace(microsecond=0)
    assert signed_on(date(2026, 3, 2), now=NOW) == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert signed_on(date(2025, 7, 1), now=NOW) == datetime(2025, 7, 1, 10, tzinfo=UTC)
    assert signed_on(date(2026, 3, 4), now=NOW) == datetime(2026, 3, 4, 11, tzinfo=UTC)


def test_a_time_without_zone_is_the_time_on_the_wall() -> None:
    expected = datetime(2026, 3, 2, 9, 40, tzinfo=UTC)
    wall = datetime(2026, 3, 2, 10, 40, tzinfo=ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
    assert moment_of(wall) == expected
    assert moment_of(expected.replace(microsecond=9)) == expected
    assert moment_of(expected.astimezone(timezone(timedelta(hours=5)))).tzinfo is UTC


@pytest.mark.parametrize(
    ("day", "after"),
    [
        (date(2026, 3, 2), date(2026, 3, 3)),
        (date(2026, 3, 5), date(2026, 3, 6)),
        (date(2026, 3, 6), date(2026, 3, 9)),
        (date(2026, 3, 7), date(2026, 3, 9)),
        (date(2026, 3, 8), date(2026, 3, 9)),
    ],
)
def test_the_next_working_day_is_never_a_saturday_or_sunday(day: date, after: date) -> None:
    assert working_day_after(day) == after
