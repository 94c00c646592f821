"""exchange.consent.majority: full years, leap days, the first of the month of majority."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.consent.majority import age, representation_ends
from exchange.days import begin_of


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        (date(2008, 3, 2), date(2026, 3, 1), 17),
        (date(2008, 3, 2), date(2026, 3, 2), 18),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
        (date(2008, 12, 31), date(2026, 12, 30), 17),
        (date(2008, 1, 1), date(2026, 1, 1), 18),
    ],
)
def test_age_is_counted_in_full_years(born: date, day: date, years: int) -> None:
    assert age(born, day) == years


@pytest.mark.parametrize(
    ("born", "ends"),
    [
        (date(2008, 9, 1), datetime(2026, 8, 31, 22, tzinfo=UTC)),
        (date(2008, 9, 30), datetime(2026, 8, 31, 22, tzinfo=UTC)),
        (date(2008, 2, 29), datetime(2026, 1, 31, 23, tzinfo=UTC)),
        (date(2008, 1, 17), datetime(2025, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_representation_ends_on_the_first_of_the_month_of_majority(
    born: date, ends: datetime
) -> None:
    assert representation_ends(born) == ends


@given(born=st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_representation_never_outlasts_majority_and_ends_in_its_month(born: date) -> None:
    ends = representation_ends(born)
    first = date(born.year + 18, born.month, 1)

    assert ends == begin_of(first)
    assert age(born, first) <= 18
    assert age(born, date(born.year + 18 + born.month // 12, born.month % 12 + 1, 1)) == 18
