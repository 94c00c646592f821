"""Tables for spreadsheets (RFC 4180) in which nothing can be taken for a formula."""

import csv
import io
from collections.abc import Iterable
from typing import Final, TypeAlias

Cell: TypeAlias = str | int | None
ACTIVE: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute instead of showing it."""


def lines(rows: Iterable[Iterable[Cell]]) -> bytes:
    """Return rows as lines of a table, in UTF-8; what is missing is empty.

    A text that a spreadsheet would compute has an apostrophe before it; a digest may be one.
    """
    written = io.StringIO()
    csv.writer(written).writerows([_inert(cell) for cell in row] for row in rows)
    return written.getvalue().encode()


def _inert(cell: Cell) -> str:
    if not isinstance(cell, str):
        return "" if cell is None else str(cell)
    return f"'{cell}" if cell.startswith(ACTIVE) else cell
