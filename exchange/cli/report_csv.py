"""Figures as CSV for a spreadsheet, in which nothing can be taken for a formula."""

import csv
import io
from typing import Final

from exchange.wire.figures import FiguresAnswer, FiguresRow, Spread

COUNTS: Final = (
    *("requests", "consents", "consents_withdrawn", "stored", "collected", "accepted"),
    *("rejected", "quarantined", "expired", "withdrawn", "percent_in_time"),
)
WAITS: Final = ("minutes_to_collect", "minutes_to_acknowledge", "minutes_to_answer")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute."""
BOM: Final = "\ufeff"
"""Tells spreadsheets that the text is UTF-8."""


def figures_csv(answer: FiguresAnswer) -> bytes:
    """Return a line for each row, then one for each month; what is not published is empty."""
    out = io.StringIO()
    lines = csv.writer(out, quoting=csv.QUOTE_ALL)
    waits = [f"{wait}_{part}" for wait in WAITS for part in ("median", "p90")]
    lines.writerow(["period", "by", "value", *COUNTS, *waits])
    asked = answer.asked
    for row in answer.answer.rows:
        lines.writerow(_inert([asked.period, asked.by, row.value, *_cells(row)]))
    for month in answer.answer.months:
        lines.writerow(_inert([month.value, "total", "all", *_cells(month)]))
    return f"{BOM}{out.getvalue()}".encode()


def _cells(row: FiguresRow) -> list[str]:
    counts = [getattr(row, name) for name in COUNTS]
    spreads: list[Spread | None] = [getattr(row, name) for name in WAITS]
    pairs = ((None, None) if one is None else (one.median, one.p90) for one in spreads)
    return ["" if cell is None else str(cell) for cell in (*counts, *(n for p in pairs for n in p))]


def _inert(cells: list[str]) -> list[str]:
    return [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells]
