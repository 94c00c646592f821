"""exchange.spreadsheet."""

import csv
import io

import pytest

from exchange.spreadsheet import ACTIVE, lines


def test_rows_become_lines_that_any_reader_of_tables_takes_back() -> None:
    rows: list[list[str | int | None]] = [
        ["name", "note"],
        ["a,b", 'say "x"\r\nand more'],
        ["ü", 7],
        [None, -7],
    ]
    read = [*csv.reader(io.StringIO(lines(rows).decode(), newline=""))]
    assert read == [["name", "note"], ["a,b", 'say "x"\r\nand more'], ["ü", "7"], ["", "-7"]]


@pytest.mark.parametrize("begin", ACTIVE)
def test_no_cell_is_computed(begin: str) -> None:
    ((found, plain),) = csv.reader(io.StringIO(lines([[f"{begin}1", "1+1"]]).decode(), newline=""))
    assert (found, plain) == (f"'{begin}1", "1+1")
