"""exchange.figures.period."""

from datetime import UTC, datetime

import pytest

from exchange.errors import Malformed
from exchange.figures.period import (
    complete_by,
    complete_with,
    month,
    month_of,
    newest_due,
    next_month,
    read_period,
)


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("2026-03", ["2026-03"]),
        ("2026-Q1", ["2026-01", "2026-02", "2026-03"]),
        ("2026-Q4", ["2026-10", "2026-11", "2026-12"]),
        ("2026", [f"2026-{number:02}" for number in range(1, 13)]),
    ],
)
def test_a_period_is_read_and_written_alike(text: str, months: list[str]) -> None:
    period = read_period(text)
    assert period.name == text
    assert [one.name for one in period.months] == months


@pytest.mark.parametrize(
    "text", ["", "26", "1999", "2026-00", "2026-13", "2026-Q0", "2026-Q5", "2026-1", "2026-03-01"]
)
def test_no_other_range_is_a_period(text: str) -> None:
    with pytest.raises(Malformed):
        read_period(text)


def test_a_month_begins_and_ends_at_german_midnight_whatever_the_season() -> None:
    march = read_period("2026-03")
    assert march.begin == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert march.end == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert read_period("2026").end == read_period("2027-01").begin
    assert month_of(march.begin) == march
    assert month_of(march.end) == read_period("2026-04")


def test_figures_are_due_fourteen_days_after_the_end() -> None:
    march = read_period("2026-03")
    assert march.due == datetime(2026, 4, 14, 22, tzinfo=UTC)
    assert newest_due(march.due) == march
    assert newest_due(datetime(2026, 4, 14, 21, 59, tzinfo=UTC)) == read_period("2026-02")
    assert newest_due(datetime(2026, 1, 2, tzinfo=UTC)) == read_period("2025-11")
    assert newest_due(datetime(2026, 1, 20, tzinfo=UTC)) == read_period("2025-12")


def test_the_month_after_december_is_january() -> None:
    assert next_month(month(2026, 12)) == month(2027, 1)
    assert next_month(month(2026, 3)) == month(2026, 4)


def test_a_month_may_complete_its_quarter_and_its_year() -> None:
    assert [one.name for one in complete_with(month(2026, 2))] == ["2026-02"]
    assert [one.name for one in complete_with(month(2026, 6))] == ["2026-06", "2026-Q2"]
    assert [one.name for one in complete_with(month(2026, 12))] == ["2026-12", "2026-Q4", "2026"]
    assert len(complete_by(month(2026, 12))) == 12 + 4 + 1
    assert [one.name for one in complete_by(month(2026, 3))] == [
        "2026-01",
        "2026-02",
        "2026-03",
        "2026-Q1",
    ]
