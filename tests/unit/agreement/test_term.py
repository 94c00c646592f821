"""exchange.agreement.term: ends of years in German days, notice in time and too late."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.agreement.signing import AgreementNotice
from exchange.agreement.term import (
    Fixed,
    Renewing,
    earliest_end,
    ends_at,
    next_year_end,
    notice_deadline,
    year_end,
)
from tests import samples

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)
TERM = Renewing(begins=datetime(2025, 12, 31, 23, tzinfo=UTC), first_year=2026, notice_months=3)


def local(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=BERLIN).astimezone(UTC)


def notice(ends: datetime, given_at: datetime) -> AgreementNotice:
    return AgreementNotice(
        digest="N" * 42 + "A",
        id="0f4f9a56-2b5f-4b0e-b9f8-1f1f6f0c7a01",
        iat=int(given_at.timestamp()),
        agency="women-b",
        agreement=samples.AGREEMENT_DIGEST,
        ends=ends,
    )


def test_a_year_ends_at_german_midnight() -> None:
    assert year_end(2026) == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert year_end(2026).tzinfo is UTC


@pytest.mark.parametrize(
    ("months", "deadline"),
    [
        (1, datetime(2026, 11, 30, 23, tzinfo=UTC)),
        (3, datetime(2026, 9, 30, 22, tzinfo=UTC)),  # summer time: one hour earlier in UTC
        (6, datetime(2026, 6, 30, 22, tzinfo=UTC)),
        (9, datetime(2026, 3, 31, 22, tzinfo=UTC)),
        (12, datetime(2025, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_notice_must_have_arrived_before_the_months_begin(months: int, deadline: datetime) -> None:
    term = Renewing(begins=TERM.begins, first_year=2026, notice_months=months)
    assert notice_deadline(term, 2026) == deadline
    assert notice_deadline(term, 2026).tzinfo is UTC


@pytest.mark.parametrize(
    ("given_at", "year"),
    [
        (local(2020, 1, 1), 2026),
        (local(2026, 1, 1), 2026),
        (local(2026, 10, 1) - SECOND, 2026),
        (local(2026, 10, 1), 2027),
        (local(2027, 1, 1) - SECOND, 2027),
        (local(2027, 10, 1) - SECOND, 2027),
        (local(2027, 10, 1), 2028),
    ],
)
def test_a_notice_ends_the_first_year_it_is_in_time_for(given_at: datetime, year: int) -> None:
    assert earliest_end(TERM, given_at) == year_end(year)


def test_a_fixed_term_ends_whatever_anybody_says() -> None:
    until = local(2026, 7, 1)
    term = Fixed(begins=local(2026, 1, 1), until=until)
    assert ends_at(term, []) == until
    assert ends_at(term, [notice(local(2026, 4, 1), local(2026, 2, 1))]) == until


def test_without_notice_a_term_renews_for_ever() -> None:
    assert ends_at(TERM, []) is None


@pytest.mark.parametrize(
    ("states", "given_at", "year"),
    [
        (year_end(2026), local(2026, 5, 1), 2026),
        (year_end(2028), local(2026, 5, 1), 2028),  # later than it must be
        (year_end(2026), local(2026, 11, 1), 2027),  # too late for what it states
        (year_end(2025), local(2025, 5, 1), 2026),  # before the first year ends
        (local(2027, 3, 1), local(2026, 5, 1), 2027),  # no end of a year: the next one
        (year_end(2026) + SECOND, local(2026, 5, 1), 2027),
    ],
)
def test_a_notice_takes_effect_when_the_agreement_allows_it(
    states: datetime, given_at: datetime, year: int
) -> None:
    assert ends_at(TERM, [notice(states, given_at)]) == year_end(year)


def test_the_earliest_of_several_notices_counts() -> None:
    notices = [
        notice(year_end(2028), local(2026, 5, 1)),
        notice(year_end(2027), local(2026, 6, 1)),
    ]
    assert ends_at(TERM, notices) == year_end(2027)


YEARS = st.integers(2020, 2060)
TERMS = st.builds(
    lambda year, months: Renewing(begins=local(year, 1, 1), first_year=year, notice_months=months),
    YEARS,
    st.integers(1, 12),
)
MOMENTS = st.integers(0, 40 * 366 * 24 * 60).map(
    lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(TERMS, MOMENTS)
def test_over_forty_years_every_end_is_a_german_new_year_and_in_time(
    term: Renewing, given_at: datetime
) -> None:
    end = earliest_end(term, given_at)
    shown = end.astimezone(BERLIN)
    assert (shown.month, shown.day, shown.hour, shown.minute) == (1, 1, 0, 0)
    last = shown.year - 1
    assert last >= term.first_year
    # In time, counted in calendar months: the notice lies before the months of notice begin.
    local_given = given_at.astimezone(BERLIN)
    months_left = (last + 1 - local_given.year) * 12 + 1 - local_given.month
    assert months_left > term.notice_months or last > local_given.year
    assert months_left > term.notice_months
    # And no earlier year would have done.
    assert last == term.first_year or months_left - 12 <= term.notice_months


@given(MOMENTS)
def test_over_forty_years_the_next_end_of_a_year_is_less_than_a_year_away(
    moment: datetime,
) -> None:
    end = next_year_end(moment)
    assert timedelta(0) <= end - moment < timedelta(days=366, hours=1)
    assert next_year_end(end) == end


@given(TERMS, st.lists(st.tuples(MOMENTS, MOMENTS), max_size=4))
def test_another_notice_never_prolongs_a_term(
    term: Renewing, stated: list[tuple[datetime, datetime]]
) -> None:
    notices = [notice(ends, given_at) for ends, given_at in stated]
    ends = [ends_at(term, notices[:count]) for count in range(len(notices) + 1)]
    assert ends[0] is None
    known = [end for end in ends if end is not None]
    assert known == sorted(known, reverse=True)
    assert len(known) == len(notices)
