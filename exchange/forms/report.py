"""A report of figures as a value, before it becomes a PDF or a page: tables, charts, notes.

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
from exchange.forms.chart import Chart, Series
from exchange.wire.figures import Counts, FiguresAsked, FiguresRow, FiguresTold, Spread

LANGUAGES: Final = ("de", "en")
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "documents": ("stored", "collected", "expired", "withdrawn", "percent_in_time"),
    "answers": ("accepted", "rejected", "quarantined"),
    "consents": ("requests", "consents", "consents_withdrawn"),
}
"""Tables of counts, and their columns."""
PERCENT: Final = "percent_in_time"
"""Drawn nowhere: it is no count, and has another scale."""
TIMES: Final = "times"
"""Name of the table of times, and of its chart."""
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
    drawn: str = ""
    """Name of the chart of the same figures; empty where there is none."""


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
    page: str
    """The word before the number of a page."""
    charts: Mapping[str, Chart] = field(repr=False, default_factory=dict)
    """By name, for each table of the months that has a figure; none of a single month."""


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
        charts=_charts(told, say) if _has_course(told) else {},
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
    if _has_course(told):
        months = _grids(told.months, say("value_month"), say, partial(written_month, say=say))
        charts = _charts(told, say)
        drawn = zip(months, (*GROUPS, TIMES), strict=True)
        beside = (replace(grid, drawn=name) if name in charts else grid for grid, name in drawn)
        chapters.append((say("trend"), tuple(beside)))
    return tuple(chapters)


def _has_course(told: FiguresTold) -> bool:
    return len(told.months) > 1


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
    return (*counted, Grid(say(TIMES), (first, *heads), times, waits))


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
    if column == PERCENT and found is not None:
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
    return _drawn(minutes / 60, say)


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


def _charts(told: FiguresTold, say: Say) -> dict[str, Chart]:
    """Return a chart for each table of the months that has a figure.

    What is not published is a gap, never zero.
    """
    counted = {
        group: _chart(
            told,
            say,
            say(group),
            {
                say(_word(column)): tuple(getattr(month, column) for month in told.months)
                for column in columns
                if column != PERCENT
            },
        )
        for group, columns in GROUPS.items()
    }
    halves: dict[str, tuple[float | None, ...]] = {
        say(wait): tuple(_half(getattr(month, f"minutes_to_{wait}")) for month in told.months)
        for wait in WAITS
    }
    times = _chart(told, say, say("halves"), halves, decimal=say("decimal"))
    return {name: chart for name, chart in {**counted, TIMES: times}.items() if _shows(chart)}


def _shows(chart: Chart) -> bool:
    return any(value is not None for one in chart.series for value in one.values)


def _half(spread: Spread | None) -> float | None:
    return None if spread is None else spread.median / 60


def _chart(
    told: FiguresTold,
    say: Say,
    title: str,
    series: Mapping[str, tuple[float | None, ...]],
    *,
    decimal: str = "",
) -> Chart:
    def shown(place: int) -> str:
        numbers = (_drawn(values[place], say) for values in series.values())
        return ", ".join(numbers)

    months = (
        f"{written_month(month.value, say)}: {shown(place)}"
        for place, month in enumerate(told.months)
    )
    said = say("chart_alt", title=title, names=", ".join(series))
    return Chart(
        title=title,
        labels=tuple(_label(month.value, say) for month in told.months),
        series=tuple(Series(name, values) for name, values in series.items()),
        empty=say("chart_empty"),
        alt=f"{said} {'; '.join(months)}",
        decimal=decimal,
    )


def _drawn(number: float | None, say: Say) -> str:
    return say("missing") if number is None else f"{number:g}".replace(".", say("decimal"))


def _label(name: str, say: Say) -> str:
    """Return a month in so few letters that twelve stand below a chart: `Mar 2026`."""
    month, _, year = written_month(name, say).partition(" ")
    return f"{month[:3]} {year}"
