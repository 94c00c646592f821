"""Days and moments in questions of officers: one spelling each."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from exchange.wire.officer import ConsentQuery, DisclosuresAsked, DisclosuresQuery


def test_a_day_is_read_from_the_calendar_s_spelling() -> None:
    query = DisclosuresQuery.model_validate({"from": "2026-01-31", "until": "2026-02-01"})

    assert (query.since, query.until) == (date(2026, 1, 31), date(2026, 2, 1))


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-1-31", "20260131", "2026-W05-6", "2026-02-30", "1769817600", "0"),
        *("0001-01-01", "1899-12-31", "9000-01-01", "9999-12-31"),
    ],
)
def test_another_spelling_of_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        DisclosuresQuery.model_validate({"from": text, "until": "2026-02-01"})


def test_an_answer_repeats_the_question_with_the_same_words() -> None:
    asked = DisclosuresAsked(since=date(2026, 1, 31), until=date(2026, 2, 1))

    assert asked.model_dump_json() == '{"from":"2026-01-31","until":"2026-02-01"}'


def test_a_moment_in_a_query_needs_no_separators() -> None:
    query = ConsentQuery.model_validate({"at": "20260303T101209Z"})

    assert query.at == datetime(2026, 3, 3, 10, 12, 9, tzinfo=UTC)
    assert ConsentQuery.model_validate({}).at is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-03-03T10:12:09Z", "20260303T101209", "20260303T246000Z", "20260230T000000Z"),
        *("0", "00010101T000000Z", "18991231T235959Z", "90000101T000000Z", "99991231T235959Z"),
    ],
)
def test_another_spelling_of_a_moment_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ConsentQuery.model_validate({"at": text})
