"""docs/monitoring.md lists every metric as the program describes it, and every alert."""

import re

import yaml  # type: ignore[import-untyped]

from exchange.hub.metrics.table import TABLE
from exchange.hub.metrics.traffic import BOUNDS
from tests.docs.generate import ROOT

PAGE = ROOT / "docs" / "monitoring.md"


def rows(columns: int) -> list[list[str]]:
    """Return the cells of every row of the tables that have so many columns, without heads."""
    lines = re.findall(r"(?m)^\|(.*)\|$", PAGE.read_text(encoding="utf-8"))
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [row for row in cells if len(row) == columns and row[0].startswith("`")]


def test_every_metric_stands_in_the_table_word_for_word() -> None:
    described = [
        [
            f"`{metric.name}`",
            metric.kind,
            " ".join(f"`{label}`" for label in metric.labels),
            metric.unit,
            metric.meaning,
        ]
        for metric in TABLE
    ]

    assert rows(5) == described


def test_the_bounds_of_durations_are_the_ones_that_are_named() -> None:
    *first, last = (f"{bound:g}" for bound in BOUNDS)

    text = PAGE.read_text(encoding="utf-8")
    assert f"the bounds {', '.join(first)} and {last} seconds" in text


def test_every_alert_has_a_row_that_says_where_to_look() -> None:
    groups = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"]]

    named = [name for row in rows(2) for name in re.findall(r"`([A-Z]\w+)`", row[0])]
    assert sorted(named) == sorted(alerts)
