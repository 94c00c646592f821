"""exchange.forms.chart."""

import sys

from lxml import etree

from exchange.forms.chart import COLOURS, Chart, Series, bars

HOSTILE = '</title><script>alert(1)</script>&"'
SVG = "{http://www.w3.org/2000/svg}"


def drawn(*series: Series, title: str = "Documents", decimal: str = "") -> bytes:
    return bars(
        Chart(
            title=title,
            labels=("January", "February"),
            series=series,
            empty="nothing to show",
            alt="",
            decimal=decimal,
        )
    )


def test_a_chart_has_no_script_and_loads_nothing() -> None:
    svg = drawn(Series("stored", (12, 7)))
    root = etree.fromstring(svg)
    assert root.findall(f".//{SVG}script") == []
    assert b"href" not in svg
    assert b"url(" not in svg


def test_words_of_others_stay_words() -> None:
    root = etree.fromstring(drawn(Series(HOSTILE, (12, 7)), title=HOSTILE))
    assert root.findall(f".//{SVG}script") == []
    assert HOSTILE in {text.strip() for text in root.itertext()}


def test_what_is_not_published_has_no_bar() -> None:
    def count(*values: int | None) -> int:
        root = etree.fromstring(drawn(Series("stored", values)))
        return sum("rect" in rect.get("class", "") for rect in root.iter(f"{SVG}rect"))

    assert count(12, None) == count(12, 7) - 1


def test_hours_have_halves_as_the_language_writes_them_and_counts_have_none() -> None:
    def said(decimal: str) -> set[str]:
        root = etree.fromstring(drawn(Series("stored", (5.5, 7)), decimal=decimal))
        return {text.strip() for text in root.itertext()}

    assert {"5,5", "7"} <= said(",")
    assert "5.5" in said(".")
    assert not {"5,5", "5.5"} & said("")


def test_where_there_is_nothing_to_draw_it_says_so() -> None:
    assert "nothing to show" in drawn(Series("stored", (None, None))).decode()


def test_the_library_leaves_nothing_behind_that_later_imports_ask() -> None:
    drawn(Series("stored", (12, 7)))
    assert {type(finder).__module__ for finder in sys.meta_path}.isdisjoint({"pygal"})


def test_the_same_figures_are_the_same_bytes() -> None:
    series = [Series(str(number), (number, 5)) for number in range(len(COLOURS))]
    assert drawn(*series) == drawn(*series)
