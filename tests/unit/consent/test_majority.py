"""exchange.consent.majority: full years, leap days, the first of the month of majority."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.consent.majority import (
    age,
    is_represented,
    majority_ahead,
    reminder_from,
    representation_ends,
)
from exchange.consent.words import Capacity, Identified, Power, Role
from exchange.days import begin_of
from tests import samples


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


CONSENT = samples.consent()
PARENT = replace(
    CONSENT.signers[0], role=Role.GUARDIAN, identified=Identified.IN_PERSON, power=Power.PARENT
)
BORN = date(2008, 9, 17)
ENDS = begin_of(date(2026, 9, 1))


@pytest.mark.parametrize("power", Power)
def test_every_power_but_a_carers_ends_with_majority(power: Power) -> None:
    record = replace(CONSENT, signers=(*CONSENT.signers, replace(PARENT, power=power)))
    assert is_represented(record) is (power is not Power.CARER)


def test_who_signs_alone_is_not_touched_by_majority() -> None:
    assert not is_represented(CONSENT)
    assert majority_ahead(CONSENT, BORN) is None


@pytest.mark.parametrize("capacity", [Capacity.GUARDIAN, Capacity.SELF_AND_GUARDIAN])
def test_a_consent_of_guardians_that_lasts_until_majority_is_reminded_of(
    capacity: Capacity,
) -> None:
    record = replace(CONSENT, capacity=capacity, signers=(PARENT,), valid_until=ENDS)
    assert majority_ahead(record, BORN) == ENDS


def test_one_that_is_over_before_anybody_is_reminded_is_not() -> None:
    second = timedelta(seconds=1)
    due = reminder_from(ENDS)
    record = replace(CONSENT, signers=(PARENT,), valid_until=due)
    assert majority_ahead(record, BORN) is None
    assert majority_ahead(replace(record, valid_until=due + second), BORN) == ENDS


def test_the_reminder_comes_sixty_days_before_whatever_the_clocks_do() -> None:
    assert reminder_from(ENDS) == begin_of(date(2026, 7, 3))
    assert reminder_from(begin_of(date(2026, 5, 1))) == begin_of(date(2026, 3, 2))
