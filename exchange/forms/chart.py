"""Figures drawn as bars: an SVG without script, for a page or a paper, beside a table.

A picture says nothing that the table does not: whoever cannot see it misses nothing.
"""

import re
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

WIDTH: Final = 900
HEIGHT: Final = 380
INK: Final = "#1a1a1a"
COLOURS: Final = ("#003f87", "#b35900", "#2e6b34", "#7a2582")
"""Dark enough on white for a contrast of 4.5 to 1, and told apart without red and green."""

_SCRIPT: Final = re.compile(r"<script\b.*?</script>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Series:
    """One row of bars."""

    name: str
    values: tuple[float | None, ...]
    """In the order of the labels; None draws no bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn, and how it is said to whoever does not see it."""

    title: str
    """Stands above."""
    labels: tuple[str, ...]
    """Of the groups of bars, such as months."""
    series: tuple[Series, ...]
    """At most as many as there are `COLOURS`."""
    empty: str
    """Stands where there is nothing to draw."""
    alt: str
    decimal: str = ""
    """What stands before half of one; empty where everything is whole."""


def bars(drawn: Chart) -> bytes:
    """Return an SVG with groups of bars.

    The same chart gives the same bytes: a report can be made again and compared.
    """
    pygal = _library()
    chart = pygal.Bar(
        js=[],
        disable_xml_declaration=True,
        explicit_size=True,
        width=WIDTH,
        height=HEIGHT,
        style=_style(pygal),
        legend_at_bottom=True,
        legend_at_bottom_columns=len(drawn.series),
        truncate_legend=-1,
        x_label_rotation=0,
        min_scale=1,
        include_x_axis=True,
        no_data_text=drawn.empty,
        value_formatter=partial(_number, decimal=drawn.decimal),
    )
    chart.uuid = "figures"
    chart.title = drawn.title
    chart.x_labels = list(drawn.labels)
    for one in drawn.series:
        chart.add(one.name, list(one.values))
    svg: str = chart.render(is_unicode=True)
    # What the library leaves for its script, which is not there; text is escaped, so that no
    # word of ours or of others ends it.
    return _SCRIPT.sub("", svg).encode()


def _number(value: float, *, decimal: str) -> str:
    return f"{value:.1f}".removesuffix(".0").replace(".", decimal) if decimal else f"{value:.0f}"


def _library() -> Any:
    """Return the library, without the finder of modules that it leaves behind for its plugins.

    That one is asked at every later import of the process, and knows the old protocol alone.
    """
    import pygal  # noqa: PLC0415 - only who draws needs it

    sys.meta_path[:] = [one for one in sys.meta_path if type(one).__module__ != pygal.__name__]
    return pygal


def _style(pygal: Any) -> Any:
    return pygal.style.Style(
        background="#ffffff",
        plot_background="#ffffff",
        foreground=INK,
        foreground_strong=INK,
        foreground_subtle="#5c5c5c",
        opacity="1",
        opacity_hover="1",
        transition="none",
        font_family="sans-serif",
        title_font_size=18,
        label_font_size=14,
        major_label_font_size=14,
        legend_font_size=14,
        no_data_font_size=18,
        colors=COLOURS,
    )
