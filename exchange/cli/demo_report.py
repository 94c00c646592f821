"""One line per step of the demo, with the time it took; coloured on a terminal, plain in a pipe."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from exchange.errors import ExchangeError

WIDTH = 96
"""Columns of a line without its time."""


class Failed(ExchangeError):
    """The demo did not go as it must."""


class Report:
    """Prints what happens. A step that raises is named, and the demo ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._number = 0
        self._began = time.monotonic()

    @contextmanager
    def step(self, text: str) -> Iterator["Notes"]:
        """Time what happens inside and print `text`, with what was noted below it."""
        self._number += 1
        notes = Notes()
        began = time.monotonic()
        try:
            with self._waiting(text):
                yield notes
        except BaseException:
            self._line("failed", "red", text, time.monotonic() - began)
            raise
        self._line("ok", "green", text, time.monotonic() - began)
        for note in notes.texts:
            self._console.print(Text(f"          {note}", style="dim"), soft_wrap=True)

    def say(self, text: str) -> None:
        """Print `text` on a line of its own."""
        self._console.print(Text(text), soft_wrap=True)

    def elapsed(self) -> float:
        """Return seconds since the report began."""
        return time.monotonic() - self._began

    @contextmanager
    def _waiting(self, text: str) -> Iterator[None]:
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(Text(text)):
            yield

    def _line(self, word: str, style: str, text: str, seconds: float) -> None:
        line = Text(f"{self._number:>3}  ")
        line.append(f"{word:<6}", style=style)
        line.append(f" {text:<{WIDTH}} {seconds:6.2f} s")
        self._console.print(line, soft_wrap=True)


class Notes:
    """What a step has to tell besides that it went well."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        """Print `text` below the step's line."""
        self.texts.append(text)


def must(true: object, text: str) -> None:
    """Stop the demo, saying `text`, unless `true`."""
    if not true:
        raise Failed(text)
