"""exchange.cli.demo_report: one line per step, also for the one that fails."""

import io

import pytest
from rich.console import Console

from exchange.cli.demo_report import Failed, Report, must


def report() -> tuple[Report, io.StringIO]:
    into = io.StringIO()
    return Report(Console(file=into, width=200)), into


def test_a_step_is_one_numbered_line_with_its_time_and_its_notes_below() -> None:
    told, into = report()
    with told.step("Something happens") as notes:
        notes.add("a detail")
    number, line, *_ = into.getvalue().splitlines()[0].split(maxsplit=2)
    assert (number, line) == ("1", "ok")
    assert into.getvalue().splitlines()[0].endswith(" s")
    assert into.getvalue().splitlines()[1].strip() == "a detail"


def test_a_step_that_fails_says_so_and_ends_the_demo() -> None:
    told, into = report()
    with pytest.raises(Failed, match="it did not"), told.step("Something happens"):
        must(False, "it did not")
    assert "  1  failed Something happens" in into.getvalue()


def test_what_must_be_true_passes() -> None:
    must(True, "never said")
