"""What a file takes out of the log stands in the log before it goes out.

A file whose rows were counted has one note (`noted`). What comes meanwhile is not in it; a row that
opens meanwhile is noted before it goes out. A list is read one stretch ahead and has a note for
each (`in_stretches`): to count all of it first would cost as much as to write it, and let
whoever waits for the first byte give up.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from exchange.hub.answers.frame import newest_head
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub

Row = TypeVar("Row")

STRETCH: Final = 5_000
"""Rows of a list that are held in memory for one note; less than a page more can be in it."""


@dataclass(frozen=True, slots=True)
class Source(Generic[Row]):
    """What a file is made of."""

    pages: Callable[[], AsyncGenerator[Sequence[Row], None]] = field(repr=False)
    """Return its rows from the beginning; notes nothing in the log."""
    index_of: Callable[[Row], int] | None = None
    """Return which entry of the log a row is; None where rows are no entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How much a file will hold."""

    rows: int
    whole: bool = True
    """False: there are at least so many, nobody has counted further."""
    first: int = 0
    """The first entry of the log that its rows are."""
    behind: int = 0
    """The one behind the last."""

    def holds(self, index: int) -> bool:
        """Tell whether an entry lies where the note says that rows were taken."""
        return self.first <= index < self.behind


async def count(source: Source[Row], *, pages: int | None = None) -> Counted:
    """Return how many rows a source has now, counting at most so many pages of it."""
    rows, looked = 0, 0
    indexes: set[int] = set()
    async with aclosing(source.pages()) as found:
        async for page in found:
            if looked == pages:
                return _counted(rows, indexes, whole=False)
            looked, rows = looked + 1, rows + len(page)
            if source.index_of is not None and page:
                here = [source.index_of(row) for row in page]
                indexes = {min(indexes | {*here}), max(indexes | {*here})}
    return _counted(rows, indexes, whole=True)


async def noted(
    hub: Hub, asker: Officer, source: Source[Row], counted: Counted
) -> AsyncGenerator[Sequence[Row], None]:
    """Note that all of a source is taken away, and return its pages.

    Args:
        hub: the parts.
        asker: who takes it, for her agency.
        source: what she takes.
        counted: all of it.

    Raises:
        NotPermitted: an auditor or operator.
        Unavailable: the vault is away; nothing may go out.
    """
    await _note(hub, asker, source, counted)
    return _within(hub, asker, source, counted)


@dataclass(frozen=True, slots=True)
class Ahead(Generic[Row]):
    """A source whose first stretch was read, and not handed out yet."""

    source: Source[Row]
    first: Sequence[Sequence[Row]] = field(repr=False)
    """Its pages."""
    rest: AsyncGenerator[Sequence[Row], None] = field(repr=False)


async def ahead(source: Source[Row]) -> Ahead[Row]:
    """Read the first stretch of a source: what is noted from now on is not in it."""
    pages = source.pages()
    return Ahead(source, await _stretch(pages), pages)


async def in_stretches(
    hub: Hub, asker: Officer, taken: Ahead[Row]
) -> AsyncGenerator[Sequence[Row], None]:
    """Note the first stretch, and return all of the source, each stretch noted before it goes out.

    Raises:
        NotPermitted: an auditor or operator.
        Unavailable: the vault is away; nothing may go out.
    """
    await _note_stretch(hub, asker, taken.source, taken.first)
    return _stretches(hub, asker, taken)


async def _stretches(
    hub: Hub, asker: Officer, taken: Ahead[Row]
) -> AsyncGenerator[Sequence[Row], None]:
    async with aclosing(taken.rest) as pages:
        stretch = taken.first
        while True:
            for page in stretch:  # as they came: nobody is kept waiting while thousands are written
                yield page
            if sum(map(len, stretch)) < STRETCH:
                return
            stretch = await _stretch(pages)
            if not any(stretch):
                return
            await _note_stretch(hub, asker, taken.source, stretch)


async def _stretch(pages: AsyncGenerator[Sequence[Row], None]) -> list[Sequence[Row]]:
    found: list[Sequence[Row]] = []
    rows = 0
    async for page in pages:
        found.append(page)
        rows += len(page)
        if rows >= STRETCH:
            break
    return found


async def _note_stretch(
    hub: Hub, asker: Officer, source: Source[Row], pages: Sequence[Sequence[Row]]
) -> None:
    await note_rows(hub, asker, source, [row for page in pages for row in page])


async def note_rows(hub: Hub, asker: Officer, source: Source[Row], rows: Sequence[Row]) -> None:
    """Note that some rows of a source are taken away; of none of them, that she took a file.

    Raises:
        NotPermitted: an auditor or operator.
        Unavailable: the vault is away; nothing may go out.
    """
    indexes = [] if source.index_of is None else map(source.index_of, rows)
    await _note(hub, asker, source, _counted(len(rows), {*indexes}, whole=True))


async def _within(
    hub: Hub, asker: Officer, source: Source[Row], counted: Counted
) -> AsyncGenerator[Sequence[Row], None]:
    left, index_of = counted.rows, source.index_of
    async with aclosing(source.pages()) as pages:
        async for page in pages:
            rows = [row for row in page if index_of is None or counted.holds(index_of(row))]
            if len(rows) > left:
                await _note(hub, asker, source, replace(counted, rows=len(rows) - left))
                left = len(rows)
            left -= len(rows)
            yield rows


async def _note(hub: Hub, asker: Officer, source: Source[Row], counted: Counted) -> None:
    if not counted.rows:
        await trace.record_export(hub, asker, first=0, until=0, count=0)
        return
    first, behind = counted.first, counted.behind
    if source.index_of is None:
        head = newest_head(hub)
        first, behind = 0, 0 if head is None else head.size
    await trace.record_export(hub, asker, first=first, until=behind, count=counted.rows)


def _counted(rows: int, indexes: set[int], *, whole: bool) -> Counted:
    if not indexes:
        return Counted(rows=rows, whole=whole)
    return Counted(rows=rows, whole=whole, first=min(indexes), behind=max(indexes) + 1)
