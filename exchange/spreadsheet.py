"""Tables for spreadsheets (RFC 4180) in which nothing can be taken for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

Cell: TypeAlias = str | int | None
Told: TypeAlias = bool | int | str | Sequence["Told"] | Mapping[str, "Told"] | None
"""What an answer by program says, and a table repeats in a cell."""
LISTED: Final = frozenset({"answer", "next"})
"""Members of an answer's frame that are no part of what a file says of itself."""
ACTIVE: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute instead of showing it."""


def lines(rows: Iterable[Iterable[Cell]]) -> bytes:
    """Return rows as lines of a table, in UTF-8; what is missing is empty.

    A text that a spreadsheet would compute has an apostrophe before it; a digest may be one.
    """
    written = io.StringIO()
    csv.writer(written).writerows([_inert(cell) for cell in row] for row in rows)
    return written.getvalue().encode()


def said_of(head: Mapping[str, Told]) -> Iterator[list[Cell]]:
    """Yield the lines in which a table says what it contains: a name, and what it is.

    After them comes an empty line, then the names of the columns.
    """
    for name, value in flattened({key: head[key] for key in head if key not in LISTED}).items():
        yield [name, value]


def flattened(row: Mapping[str, Told], before: str = "") -> dict[str, Cell]:
    """Return the cells of a row by column: `consent.id` is what `consent` says of `id`."""
    found: dict[str, Cell] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= flattened(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = cell(value)
    return found


def cell(value: Told) -> Cell:
    """Return what stands in a cell; of a list its parts with a space between."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, int | str):
        return value
    return " ".join(str(one) for one in value)


def _inert(cell: Cell) -> str:
    if not isinstance(cell, str):
        return "" if cell is None else str(cell)
    return f"'{cell}" if cell.startswith(ACTIVE) else cell
