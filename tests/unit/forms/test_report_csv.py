"""exchange.forms.report_csv."""

import csv
import io

import pytest

from exchange.forms.report_csv import BOM, COUNTS, WAITS, figures_csv
from exchange.wire.figures import FiguresRow
from tests.reports import answer, row


def lines(*rows: FiguresRow, months: tuple[FiguresRow, ...] = ()) -> list[dict[str, str]]:
    made = answer(*rows, months=months)
    text = figures_csv(made.asked, made.answer).decode().removeprefix(BOM)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_figure_has_a_column_and_a_missing_one_is_empty() -> None:
    (first,) = lines(row("rent-arrears-letter", None))
    assert {*COUNTS} < {*first}
    assert {*FiguresRow.model_fields} == {*COUNTS, *WAITS, "value"}
    assert (first["period"], first["by"], first["value"]) == (
        *("2026", "category"),
        "rent-arrears-letter",
    )
    assert (first["stored"], first["expired"]) == ("", "7")
    assert first["minutes_to_acknowledge_median"] == "60"
    assert first["minutes_to_acknowledge_p90"] == first["minutes_to_answer_median"] == ""


def test_months_follow_the_rows() -> None:
    found = lines(row("letter", 9), months=(row("2026-01", 5), row("2026-02", 6)))
    assert [(one["period"], one["by"], one["value"]) for one in found] == [
        ("2026", "category", "letter"),
        ("2026-01", "total", "all"),
        ("2026-02", "total", "all"),
    ]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(begin: str) -> None:
    (found,) = lines(row(f"{begin}cmd|' /C calc'!A0", 9))
    assert found["value"] == f"'{begin}cmd|' /C calc'!A0"
