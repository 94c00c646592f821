"""Progress of long work: bars on a terminal, nothing in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Bar: TypeAlias = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""


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
                progress.update(task, completed=done, total=total, visible=True)

            return show

        yield bar


def _silent(_done: int, _total: int) -> None:
    """Show nothing."""
