"""exchange.figures.table."""

from datetime import UTC, datetime

import pytest

from exchange.errors import Malformed
from exchange.figures.measure import Count, Dimension, Wait
from exchange.figures.period import month
from exchange.figures.table import Line, Spread, Table, read_table, write_table

FROZEN = datetime(2026, 4, 14, 22, 0, 1, tzinfo=UTC)


def line(value: str, *, spread: Spread | None = None, **counts: int) -> Line:
    return Line(
        value,
        {count: counts.get(count) for count in Count},
        {wait: spread if wait is Wait.COLLECT else None for wait in Wait},
    )


def test_a_table_is_read_as_it_was_written() -> None:
    table = Table(
        month(2026, 3),
        Dimension.CATEGORY,
        FROZEN,
        (line("letter", stored=7, spread=Spread(330, None)), line("note", stored=5)),
    )
    assert read_table(write_table(table)) == table


def test_totals_are_sums_of_what_is_published() -> None:
    table = Table(
        month(2026, 3),
        Dimension.CATEGORY,
        FROZEN,
        (line("letter", stored=7), line("note", stored=5), line("plan")),
    )
    assert table.suppressed
    assert table.total(Count.STORED) == 12
    assert table.total(Count.REJECTED) is None
    full = Line("all", dict.fromkeys(Count, 5), dict.fromkeys(Wait))
    assert not Table(month(2026, 3), Dimension.TOTAL, FROZEN, (full,)).suppressed


def test_a_share_is_made_of_published_figures_only() -> None:
    assert line("letter", collected=95, expired=5).percent_in_time == 95
    assert line("letter", collected=95).percent_in_time is None
    assert line("letter", expired=5).percent_in_time is None


@pytest.mark.parametrize(
    "stored",
    [
        b"{}",
        b'{"by":"person","frozen_at":"2026-04-14T22:00:01Z","lines":[],"period":"2026-03"}',
        b'{"by":"total","frozen_at":"2026-04-14T22:00:01Z","lines":[{}],"period":"2026-03"}',
        b'{"by":"total","frozen_at":"2026-04-14T22:00:01Z","lines":3,"period":"2026-03"}',
    ],
)
def test_a_table_that_was_not_written_here_is_refused(stored: bytes) -> None:
    with pytest.raises(Malformed):
        read_table(stored)
