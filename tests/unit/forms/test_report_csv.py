"""exchange.forms.report_csv."""

import csv
import io

import pytest

from exchange.forms.report_csv import BOM, COUNTS, WAITS, figures_csv
from exchange.wire.figures import FiguresAnswer, FiguresRow
from tests.reports import AGREEMENT, answer, row

FROZEN_NOTES = ("count", "empty", "minutes", "persons")


def parted(made: FiguresAnswer, lang: str = "en") -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return what a table says of itself, and its rows by column."""
    frame = made.model_dump(mode="json", exclude={"answer"})
    text = figures_csv(frame, made.asked, made.answer, lang=lang).decode().removeprefix(BOM)
    read = [*csv.reader(io.StringIO(text, newline=""))]
    empty = read.index([])
    assert {len(line) for line in read[:empty]} == {2}
    names, *rows = read[empty + 1 :]
    return dict(read[:empty]), [dict(zip(names, one, strict=True)) for one in rows]


def lines(*rows: FiguresRow, months: tuple[FiguresRow, ...] = ()) -> list[dict[str, str]]:
    return parted(answer(*rows, months=months))[1]


def test_a_table_says_what_it_contains_and_what_it_never_tells() -> None:
    made = answer(row("letter", 9))
    said, _ = parted(made)
    assert said == {
        "question": "statistics",
        "agency": "women-b",
        "answered_at": "2027-01-14T23:30:00.000000Z",
        "checkpoint": "",
        "asked.agreement": AGREEMENT,
        "asked.period": "2026",
        "asked.by": "category",
        "title": "Erhalt von Wohnraum",
        "k": "5",
        "due": "2027-01-14T23:30:00.000000Z",
        "frozen_at": "2027-01-14T23:30:00.000000Z",
        "suppressed": "true",
        **{f"notes.{name}": said[f"notes.{name}"] for name in FROZEN_NOTES},
    }
    assert "fewer than 5 consents" in said["notes.empty"]
    assert "5 different consents" in said["notes.count"]
    assert "counted nowhere" in said["notes.persons"]
    assert "Times are minutes" in said["notes.minutes"]
    german, rows = parted(made, "de")
    assert "nirgends gezählt" in german["notes.persons"]
    assert rows == parted(made)[1]


def test_before_they_are_frozen_it_says_when_and_has_no_row() -> None:
    said, rows = parted(answer(frozen=False), "de")
    assert rows == []
    assert said["frozen_at"] == ""
    assert said["notes.due"] == "Diese Zahlen werden am 15.01.2027 festgestellt."
    assert {name for name in said if name.startswith("notes.")} == {"notes.due", "notes.persons"}


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
    said, _ = parted(answer(row("letter", 9), title=f"{begin}cmd|' /C calc'!A0"))
    assert said["title"] == f"'{begin}cmd|' /C calc'!A0"
