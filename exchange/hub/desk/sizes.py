"""How long a list is that can be taken away: said on the page, before anything is taken.

A list that is on the page as a whole is counted by looking at it. Any other is counted where
somebody asks for it, up to a bound: it costs as much as reading it.
"""

from dataclasses import dataclass
from typing import Any, Final

from exchange.hub.desk.printed import which_part
from exchange.hub.desk.shell import Visit
from exchange.hub.officer_files.noted import Counted, Source, count
from exchange.hub.officer_files.part import parts_of

COUNTED: Final = 10_000
"""Rows up to which a list is counted for a page."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a page says of the length of a list."""

    text: str
    asks: bool
    """Whether somebody can ask for the exact number."""
    parts: tuple[tuple[int, str], ...]
    """The papers it fills: number, and which rows are on it."""


async def size_of(visit: Visit, source: Source[Any], shown: int, *, whole: bool, page: int) -> Size:
    """Return how long a list is.

    Args:
        visit: whoever looks at it.
        source: all of it.
        shown: rows on the page.
        whole: whether these are all.
        page: rows of a page of the source.
    """
    if whole:
        return sized(visit, Counted(rows=shown))
    if visit.fields.get("rows") == "count":
        return sized(visit, await count(source, pages=COUNTED // page))
    return sized(visit, Counted(rows=shown, whole=False), asks=True)


def sized(visit: Visit, counted: Counted, *, asks: bool = False) -> Size:
    """Return in words how long a list is that has been counted."""
    key = "files.length" if counted.whole else "files.length_least"
    parts = tuple((part.number, which_part(visit.say, part)) for part in parts_of(counted.rows))
    return Size(visit.say(key, count=counted.rows), asks, parts)
