"""A report of figures as a value, before it becomes a PDF or a page: tables, a chart, notes.

Every figure in it is published already; nothing is computed but sums of what is shown.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from importlib.resources import files
from typing import Final

from exchange.days import day_of
from exchange.figures.measure import SEVERAL
from exchange.forms.chart import Series, bars
from exchange.wire.figures import Counts, FiguresAsked, FiguresRow, FiguresTold

LANGUAGES: Final = ("de", "en")
DRAWN: Final = ("stored", "collected", "accepted")
"""What the chart shows of each month."""
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "documents": ("stored", "collected", "expired", "withdrawn", "percent_in_time"),
    "answers": ("accepted", "rejected", "quarantined"),
    "consents": ("requests", "consents", "consents_withdrawn"),
}
"""Tables of counts, and their columns."""
WAITS: Final = ("collect", "acknowledge", "answer")
"""Columns of the table of times: each twice, half and nine of ten."""

Say = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first cell of each row says what the row is about."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...] = ()
    """What stands under each head but the first, by its name in JSON; empty where nobody asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures of an agreement for one period, in words."""

    lang: str
    title: str
    heading: str
    """The agreement and the period."""
    chapters: tuple[tuple[str, tuple[Grid, ...]], ...]
    """Headings with what stands under them; empty while there are no figures."""
    notes: tuple[str, ...]
    """What the figures mean, and what they never tell."""
    chart_alt: str
    page: str
    """The word before the number of a page."""
    chart: bytes = field(repr=False, default=b"")
    """SVG of the months; empty where there is one month at most."""


def report(
    asked: FiguresAsked,
    told: FiguresTold,
    *,
    lang: str,
    called: Callable[[str], str] = str,
) -> Report:
    """Return the report in one of `LANGUAGES`.

    Args:
        asked: the question.
        told: the answer.
        lang: of every word of ours.
        called: returns the name of a purpose or category, by its code.
    """
    say = words(lang)
    return Report(
        lang=lang,
        title=say("title"),
        heading=say("of", title=told.title, period=f"{asked.period}, {say(f'by_{asked.by}')}"),
        chapters=_chapters(asked, told, say, called),
        notes=_notes(told, say),
        chart=_chart(told, say),
        chart_alt=_alternative(told, say),
        page=say("page"),
    )


def words(lang: str) -> Say:
    """Return what says a text of `report.toml` with values in its places."""
    source = files("exchange.forms").joinpath("report.toml").read_text("utf-8")
    texts: Mapping[str, str] = tomllib.loads(source)[lang]

    def say(key: str, **values: object) -> str:
        return texts[key].format_map(values) if values else texts[key]

    return say


def written_day(moment: datetime, say: Say) -> str:
    """Return the German day of a moment as the language writes it."""
    day = day_of(moment)
    return say("day", day=day.day, number=day.month, month=_month(day.month, say), year=day.year)


def written_month(name: str, say: Say) -> str:
    """Return a month such as `2026-03` as the language writes it."""
    year, _, number = name.partition("-")
    return f"{_month(int(number), say)} {year}"


def _month(number: int, say: Say) -> str:
    return say("months").split()[number - 1]


def _chapters(
    asked: FiguresAsked, told: FiguresTold, say: Say, called: Callable[[str], str]
) -> tuple[tuple[str, tuple[Grid, ...]], ...]:
    if not told.rows:
        return ()
    split = _grids(told.rows, say(f"value_{asked.by}"), say, called)
    if told.totals is not None and asked.by != "total":
        split = tuple(_with_sum(grid, told.totals, say) for grid in split)
    chapters = [(say(f"by_{asked.by}"), split)]
    if len(told.months) > 1:
        month = partial(written_month, say=say)
        chapters.append((say("trend"), _grids(told.months, say("value_month"), say, month)))
    return tuple(chapters)


def _grids(
    rows: tuple[FiguresRow, ...], first: str, say: Say, called: Callable[[str], str]
) -> tuple[Grid, ...]:
    names = [_value(row, say, called) for row in rows]
    counted = [
        Grid(
            say(group),
            (first, *(say(_word(column)) for column in columns)),
            tuple(
                (name, *(_cell(row, column, say) for column in columns))
                for name, row in zip(names, rows, strict=True)
            ),
            columns,
        )
        for group, columns in GROUPS.items()
    ]
    heads = tuple(say(part, what=say(wait)) for wait in WAITS for part in ("median", "p90"))
    times = tuple((name, *_hours(row, say)) for name, row in zip(names, rows, strict=True))
    waits = tuple(f"minutes_to_{wait}" for wait in WAITS for _ in range(2))
    return (*counted, Grid(say("times"), (first, *heads), times, waits))


def _with_sum(grid: Grid, totals: Counts, say: Say) -> Grid:
    columns = next((names for group, names in GROUPS.items() if say(group) == grid.caption), None)
    if columns is None:
        return grid
    cells = (_number(getattr(totals, name, None), say) for name in columns)
    return replace(grid, rows=(*grid.rows, (say("sum"), *cells)))


def _word(column: str) -> str:
    return "consents_recorded" if column == "consents" else column


def _value(row: FiguresRow, say: Say, called: Callable[[str], str]) -> str:
    if row.value in {"all", SEVERAL}:
        return say(row.value)
    sender, is_direction, recipient = row.value.partition(">")
    return f"{sender} → {recipient}" if is_direction else called(row.value)


def _cell(row: FiguresRow, column: str, say: Say) -> str:
    found: int | None = getattr(row, column)
    if column == "percent_in_time" and found is not None:
        return f"{found} %"
    return _number(found, say)


def _number(found: int | None, say: Say) -> str:
    return say("missing") if found is None else str(found)


def _hours(row: FiguresRow, say: Say) -> tuple[str, ...]:
    spreads = (row.minutes_to_collect, row.minutes_to_acknowledge, row.minutes_to_answer)
    pairs = ((None, None) if one is None else (one.median, one.p90) for one in spreads)
    return tuple(_in_hours(minutes, say) for pair in pairs for minutes in pair)


def _in_hours(minutes: int | None, say: Say) -> str:
    if minutes is None:
        return say("missing")
    return f"{minutes / 60:g}".replace(".", say("decimal"))


def _notes(told: FiguresTold, say: Say) -> tuple[str, ...]:
    if told.frozen_at is None:
        return (say("note_due", day=written_day(told.due, say)),)
    return (
        say("note_frozen", day=written_day(told.frozen_at, say)),
        say("note_count", k=told.k),
        say("note_missing", k=told.k),
        say("note_sum"),
        say("note_time"),
        say("note_persons"),
    )


def _chart(told: FiguresTold, say: Say) -> bytes:
    if len(told.months) < 2:  # noqa: PLR2004 - one month shows no course
        return b""
    series = [
        Series(say(name), tuple(getattr(month, name) for month in told.months)) for name in DRAWN
    ]
    labels = [_label(month.value, say) for month in told.months]
    return bars(say("chart"), labels, series, empty=say("chart_empty"))


def _label(name: str, say: Say) -> str:
    """Return a month in so few letters that twelve stand below a chart: `Mar 2026`."""
    month, _, year = written_month(name, say).partition(" ")
    return f"{month[:3]} {year}"


def _alternative(told: FiguresTold, say: Say) -> str:
    """Return what the chart shows in words: every figure of it."""

    def shown(month: FiguresRow) -> str:
        return ", ".join(_number(getattr(month, name), say) for name in DRAWN)

    months = (f"{written_month(month.value, say)}: {shown(month)}" for month in told.months)
    return f"{say('chart_alt')} {'; '.join(months)}"
