"""Figures drawn as bars: an SVG without script, for a page or a paper, beside a table.

A picture says nothing that the table does not: whoever cannot see it misses nothing.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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
    values: tuple[int | None, ...]
    """In the order of the labels; None draws no bar."""


def bars(title: str, labels: Sequence[str], series: Sequence[Series], *, empty: str) -> bytes:
    """Return an SVG with groups of bars.

    The same input gives the same bytes: a report can be made again and compared.

    Args:
        title: stands above.
        labels: of the groups, such as months.
        series: at most as many as there are `COLOURS`.
        empty: stands where there is nothing to draw.
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
        legend_at_bottom_columns=len(series),
        x_label_rotation=0,
        min_scale=1,
        include_x_axis=True,
        no_data_text=empty,
        value_formatter=_whole,
    )
    chart.uuid = "figures"
    chart.title = title
    chart.x_labels = list(labels)
    for one in series:
        chart.add(one.name, list(one.values))
    drawn: str = chart.render(is_unicode=True)
    # What the library leaves for its script, which is not there; text is escaped, so that no
    # word of ours or of others ends it.
    return _SCRIPT.sub("", drawn).encode()


def _whole(value: float) -> str:
    return f"{value:.0f}"


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
