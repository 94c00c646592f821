"""Figures as a table for a spreadsheet."""

from collections.abc import Iterator, Mapping
from typing import Final

from exchange.forms.report import words, written_day
from exchange.spreadsheet import Cell, Told, lines, said_of
from exchange.wire.figures import FiguresAsked, FiguresRow, FiguresTold, Spread

COUNTS: Final = (
    *("requests", "consents", "consents_withdrawn", "stored", "collected", "accepted"),
    *("rejected", "quarantined", "expired", "withdrawn", "percent_in_time"),
)
WAITS: Final = ("minutes_to_collect", "minutes_to_acknowledge", "minutes_to_answer")
SAID: Final = ("title", "k", "due", "frozen_at", "suppressed")
"""Members of the answer that hold of the whole table."""
BOM: Final = "\ufeff"
"""Tells spreadsheets that the text is UTF-8."""


def figures_csv(
    frame: Mapping[str, Told], asked: FiguresAsked, told: FiguresTold, *, lang: str
) -> bytes:
    """Return what the table contains, an empty line, the names of the columns, and the rows.

    A line for each row, then one for each month; what is not published is empty.

    Args:
        frame: what an answer to officers says besides the answer.
        asked: the question.
        told: the answer.
        lang: of the notes, one of `LANGUAGES`; names are those of the answer by program.
    """
    waits = [f"{wait}_{part}" for wait in WAITS for part in ("median", "p90")]
    said = {**frame, **told.model_dump(mode="json", include={*SAID}), "notes": _notes(told, lang)}
    heads: list[list[Cell]] = [[], ["period", "by", "value", *COUNTS, *waits]]
    return BOM.encode() + lines([*said_of(said), *heads, *_rows(asked, told)])


def _notes(told: FiguresTold, lang: str) -> dict[str, Told]:
    say = words(lang)
    persons = say("note_persons")
    if told.frozen_at is None:
        return {"due": say("note_due", day=written_day(told.due, say)), "persons": persons}
    return {
        "count": say("note_count", k=told.k),
        "empty": say("note_empty", k=told.k),
        "minutes": say("note_minutes"),
        "persons": persons,
    }


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
