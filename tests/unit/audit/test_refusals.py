"""When refused disclosures are unusual: by the weeks before, never for a few, always for masses."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit.refusals import (
    FLOOR,
    MOST,
    MOST_BEFORE,
    TIMES,
    WEEKS,
    Refusals,
    compared,
)


@pytest.mark.parametrize(
    ("lately", "before", "unusual"),
    [
        (0, 0, False),
        (4, 0, False),  # four where there were none: below the floor
        (5, 0, True),
        (5, 9, True),
        (5, 10, False),  # twice the average of 2.5, not more
        (50, 99, True),
        (50, 100, False),
        (49, 196, False),  # seven a day, as ever
        (9_999, MOST_BEFORE, False),
        (MOST, MOST_BEFORE, True),  # how many more there are is not counted
    ],
)
def test_unusual_is_more_than_twice_the_average_of_four_weeks(
    lately: int, before: int, *, unusual: bool
) -> None:
    assert Refusals(lately=lately, before=before).unusual is unusual


@given(weeks=st.lists(st.integers(0, 3 * MOST), min_size=WEEKS + 1, max_size=WEEKS + 1))
def test_counting_no_further_than_the_limits_changes_no_answer(weeks: list[int]) -> None:
    lately, before = weeks[0], sum(weeks[1:])
    counted = Refusals(lately=min(lately, MOST), before=min(before, MOST_BEFORE))
    average = before / WEEKS
    assert counted.unusual is (lately >= FLOOR and (lately >= MOST or lately > TIMES * average))


def test_the_seven_days_end_with_today_and_four_whole_weeks_lie_before_them() -> None:
    days = compared(date(2026, 3, 31))
    assert days.until == date(2026, 4, 1)
    assert days.lately == date(2026, 3, 25)
    assert days.lately - days.before == timedelta(weeks=4)
