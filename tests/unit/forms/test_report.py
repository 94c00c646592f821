"""exchange.forms.report and .report_pdf: figures in words, and on paper."""

import tomllib
from datetime import date
from importlib.resources import files
from io import BytesIO
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pytest
from pypdf import PdfReader

from exchange.forms.chart import COLOURS, bars
from exchange.forms.report import GROUPS, LANGUAGES, PERCENT, TIMES, Report, report
from exchange.forms.report_pdf import report_pdf
from exchange.wire.figures import FiguresAnswer
from tests.reports import answer, row

MONTHS = tuple(row(f"2026-{number:02}", number * 5) for number in range(1, 13))
YEAR = answer(row("rent-arrears-letter", 62), row("several", None), months=MONTHS)
DASH = "\u2013"
HOSTILE = '#panic("x") $x^2$ <label> // `raw` </svg>'


def worded(given: FiguresAnswer, lang: str = "en") -> Report:
    return report(given.asked, given.answer, lang=lang)


def text_of(made: bytes) -> str:
    with pypdfium2.PdfDocument(made) as opened:
        return " ".join(
            " ".join(page.get_textpage().get_text_range().replace("\ufffe", "-").split())
            for page in opened
        )


def test_every_language_has_the_same_texts_with_the_same_places() -> None:
    source = tomllib.loads(files("exchange.forms").joinpath("report.toml").read_text("utf-8"))
    assert {*source} == {*LANGUAGES}
    english, german = source["en"], source["de"]
    assert english.keys() == german.keys()
    for key, text in english.items():
        assert text.count("{") == german[key].count("{"), key


def test_rows_stand_under_what_they_are_split_by_and_their_sum_below() -> None:
    (heading, grids), _ = worded(YEAR).chapters
    assert heading == "by kind of document"
    documents = grids[0]
    assert documents.heads[:3] == ("Document", "disclosed", "collected")
    assert documents.rows == (
        ("rent-arrears-letter", "62", "62", "7", DASH, "90 %"),
        ("several", DASH, DASH, "7", DASH, DASH),
        ("Sum of those shown", "62", "62", "7", DASH, DASH),
    )


def test_times_are_hours_as_the_language_writes_them() -> None:
    for lang, half in (("en", "5.5"), ("de", "5,5")):
        _, grids = worded(YEAR, lang).chapters[0]
        times = grids[-1].rows[0]
        assert times == ("rent-arrears-letter", half, "30", "1", DASH, DASH, DASH)


def test_a_course_is_shown_of_several_months_and_drawn() -> None:
    made = worded(YEAR)
    heading, grids = made.chapters[1]
    assert heading == "Month by month"
    assert [cells[0] for cells in grids[0].rows][1:3] == ["February 2026", "March 2026"]
    assert [cells[0] for cells in worded(YEAR, "de").chapters[1][1][0].rows][2] == "März 2026"
    assert [grid.drawn for grid in grids] == [*made.charts] == [*GROUPS, TIMES]
    assert {grid.drawn for grid in made.chapters[0][1]} == {""}
    documents = made.charts["documents"]
    assert documents.labels[:3] == ("Jan 2026", "Feb 2026", "Mar 2026")
    assert documents.alt.startswith("Disclosures, bars for each month: disclosed, collected, ")
    assert documents.alt.endswith(
        f"November 2026: 55, 55, 7, {DASH}; December 2026: 60, 60, 7, {DASH}"
    )
    assert made.charts[TIMES].alt.endswith(f"December 2026: 5.5, 1, {DASH}")
    one = worded(answer(row("all", 9), by="total", period="2026-03", months=MONTHS[:1]))
    assert (len(one.chapters), one.charts) == (1, {})
    assert "Sum of those shown" not in {cells[0] for cells in one.chapters[0][1][0].rows}


def test_every_figure_of_the_months_is_drawn_and_what_is_suppressed_is_a_gap() -> None:
    months = (*MONTHS[:1], row("2026-02", None), *MONTHS[2:])
    made = worded(answer(row("letter", 62), months=months))
    for name, columns in GROUPS.items():
        counted = [column for column in columns if column != PERCENT]
        drawn = made.charts[name].series
        assert [one.values for one in drawn] == [
            tuple(getattr(month, column) for month in months) for column in counted
        ]
        assert len(drawn) <= len(COLOURS)
    gaps = [one.values[1] for chart in made.charts.values() for one in chart.series]
    # "not collected" and "until acknowledged" are the two that this month has.
    assert [gap for gap in gaps if gap is not None] == [7, 1]
    assert 0 not in {
        value for chart in made.charts.values() for one in chart.series for value in one.values
    }


def test_a_table_of_dashes_has_no_chart() -> None:
    none = row("2026-01", None).model_copy(update={"expired": None, "minutes_to_acknowledge": None})
    some = row("2026-02", None).model_copy(update={"expired": None})
    made = worded(answer(row("letter", 62), months=(none, some)))
    assert [*made.charts] == [TIMES]
    assert [grid.drawn for grid in made.chapters[1][1]] == ["", "", "", TIMES]


def test_the_charts_of_a_year_are_light() -> None:
    sizes = {name: len(bars(chart)) for name, chart in worded(YEAR, "de").charts.items()}
    assert max(sizes.values()) < 64 * 1024, sizes
    assert sum(sizes.values()) < 160 * 1024, sizes


def test_a_direction_is_an_arrow() -> None:
    made = worded(answer(row("women-b>jobcentre-a", 9), by="direction", period="2026-03"))
    assert made.chapters[0][1][0].rows[0][0] == "women-b → jobcentre-a"


def test_before_they_are_frozen_it_says_when() -> None:
    made = worded(answer(frozen=False))
    assert made.chapters == ()
    assert made.notes == ("These figures are established on 15 January 2027.",)
    assert worded(answer(frozen=False), "de").notes == (
        "Diese Zahlen werden am 15.01.2027 festgestellt.",
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pdf_says_every_figure_and_what_figures_never_tell(lang: str) -> None:
    made = worded(YEAR, lang)
    printed = report_pdf(made, today=date(2027, 1, 20))
    shown = text_of(printed)
    for note in made.notes:
        assert note in shown
    for _, grids in made.chapters:
        for grid in grids:
            assert grid.caption in shown
    assert report_pdf(made, today=date(2027, 1, 20)) == printed


def test_the_pdf_can_be_archived_and_read_aloud() -> None:
    read = PdfReader(BytesIO(report_pdf(worded(YEAR), today=date(2027, 1, 20))))
    metadata = read.xmp_metadata
    assert metadata is not None
    written = metadata.stream.get_data().decode()
    assert "pdfaid:part>2<" in written
    assert "pdfuaid:part>1<" in written
    root: Any = read.trailer["/Root"]
    assert root["/Lang"] == "en"


def test_a_title_is_never_source_text() -> None:
    shown = text_of(
        report_pdf(worded(answer(row("all", 9), title=HOSTILE)), today=date(2027, 1, 20))
    )
    assert HOSTILE in shown
