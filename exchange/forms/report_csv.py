"""Figures as a table for a spreadsheet."""

from collections.abc import Iterator
from typing import Final

from exchange.spreadsheet import Cell, lines
from exchange.wire.figures import FiguresAsked, FiguresRow, FiguresTold, Spread

COUNTS: Final = (
    *("requests", "consents", "consents_withdrawn", "stored", "collected", "accepted"),
    *("rejected", "quarantined", "expired", "withdrawn", "percent_in_time"),
)
WAITS: Final = ("minutes_to_collect", "minutes_to_acknowledge", "minutes_to_answer")
BOM: Final = "\ufeff"
"""Tells spreadsheets that the text is UTF-8."""


def figures_csv(asked: FiguresAsked, told: FiguresTold) -> bytes:
    """Return a line for each row, then one for each month; what is not published is empty."""
    waits = [f"{wait}_{part}" for wait in WAITS for part in ("median", "p90")]
    rows = [["period", "by", "value", *COUNTS, *waits]]
    return BOM.encode() + lines([*rows, *_rows(asked, told)])


def _rows(asked: FiguresAsked, told: FiguresTold) -> Iterator[list[Cell]]:
    for row in told.rows:
        yield [asked.period, asked.by, row.value, *_cells(row)]
    for month in told.months:
        yield [month.value, "total", "all", *_cells(month)]


def _cells(row: FiguresRow) -> list[Cell]:
    counts: list[Cell] = [getattr(row, name) for name in COUNTS]
    spreads: list[Spread | None] = [getattr(row, name) for name in WAITS]
    pairs = ((None, None) if one is None else (one.median, one.p90) for one in spreads)
    return [*counts, *(number for pair in pairs for number in pair)]
