"""exchange.cli.reflow: help whose paragraphs fill the width they are shown at."""

import io
from itertools import pairwise

import pytest
from cyclopts import App
from rich.console import Console

from exchange.cli.main import root_app
from exchange.cli.reflow import Reflowing, unwrap


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("one\ntwo  \nthree", "one two three"),
        ("one\n\ntwo\nthree\n", "one\n\ntwo three\n"),
        ("shown as it is:\n    a = 1\n    b = 2\n\nafter", None),
        ("", None),
    ],
)
def test_paragraphs_become_one_line_each(text: str, whole: str | None) -> None:
    assert unwrap(text) == (text if whole is None else whole)


def helped(app: App, path: list[str], width: int) -> list[str]:
    into = io.StringIO()
    app.help_print(path, console=Console(file=into, width=width, color_system=None))
    return [line.rstrip() for line in into.getvalue().splitlines()]


def test_a_description_and_an_option_are_broken_only_where_the_terminal_ends() -> None:
    app = App(name="say", help_format="plaintext", help_formatter=Reflowing())

    @app.command
    def it(*, word: str = "") -> None:
        """Say it.

        A paragraph that the source breaks
        here and
        here.

        Parameters
        ----------
        word
            Which word, and
            how loud.
        """

    shown = helped(app, ["it"], 200)
    assert "A paragraph that the source breaks here and here." in shown
    assert any("Which word, and how loud." in line for line in shown)
    assert shown[0].startswith("Usage: say it")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_of_a_description_ends_before_the_next_word_would_not_fit(width: int) -> None:
    shown = helped(root_app("log"), ["log", "verify"], width)
    told = shown[: next(at for at, line in enumerate(shown) if line.startswith("╭"))]
    for line, following in pairwise(told):
        if line and following:
            assert len(line) + 1 + len(following.split()[0]) > width
