"""Progress of long work: bars on a terminal, nothing in a pipe."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

Bar: TypeAlias = Callable[[int, int], None]
"""Told the bytes done and the bytes in all; 0 where nobody knows how many there will be."""

PATIENCE_S: Final = 2.0
"""Seconds after which a person wants to see that something happens."""


@contextmanager
def bars() -> Iterator[Callable[[str], Bar]]:
    """Yield a maker of bars by name, on standard error."""
    if not sys.stderr.isatty():
        yield lambda _name: _silent
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, TransferSpeedColumn(), console=Console(stderr=True), transient=True
    ) as progress:

        def bar(name: str) -> Bar:
            task = progress.add_task(name, total=None, visible=False)

            def show(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total or None, visible=True)

            return show

        yield bar


def late(bar: Bar) -> Bar:
    """Return a bar that is shown only when the work takes longer than `PATIENCE_S`."""
    begun = time.monotonic()

    def show(done: int, total: int) -> None:
        if time.monotonic() - begun > PATIENCE_S:
            bar(done, total)

    return show


def _silent(_done: int, _total: int) -> None:
    """Show nothing."""
