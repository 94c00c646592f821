"""Progress of long work: bars on a terminal, nothing in a pipe."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeAlias

Bar: TypeAlias = Callable[[int, int], None]
"""Told the bytes done and the bytes in all; 0 where nobody knows how many there will be."""

PATIENCE_S: Final = 2.0
"""Seconds after which a person wants to see that something happens."""


@contextmanager
def bars(*, silent: bool = False) -> Iterator[Callable[[str], Bar]]:
    """Yield a maker of bars by name, on standard error; silent ones where that is wanted."""
    if silent or not sys.stderr.isatty():
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


@asynccontextmanager
async def waiting(bar: Bar) -> AsyncIterator[None]:
    """Show a bar once the block takes longer than `PATIENCE_S`, although nothing is done yet."""
    shown = asyncio.get_running_loop().call_later(PATIENCE_S, bar, 0, 0)
    try:
        yield
    finally:
        shown.cancel()


def _silent(_done: int, _total: int) -> None:
    """Show nothing."""
