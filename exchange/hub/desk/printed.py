"""Answers as PDF: made in a thread, one at a time, where this hub can make any."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from aiohttp import web

from exchange.days import day_of
from exchange.errors import Malformed, Misconfigured
from exchange.forms.account import Fact, Said
from exchange.forms.answer import PRINTED, Section
from exchange.forms.report import Grid
from exchange.hub.answers.frame import Answered
from exchange.hub.desk.shell import Visit
from exchange.hub.officer_files.part import Part
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.pages.words import Words

PDF: Final = "application/pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who takes a paper, on a page or by program."""

    hub: Hub
    asker: Officer
    say: Words
    """Of the language it is made in."""
    press: asyncio.Semaphore
    """One paper is set at a time."""


def reader_of(visit: Visit) -> Reader:
    """Return who visits."""
    return Reader(hub=visit.hub, asker=visit.asker, say=visit.say, press=visit.shell.press)


async def printed(reader: Reader, make: Callable[[date], bytes]) -> bytes:
    """Return a PDF.

    Args:
        reader: whoever takes it.
        make: returns it, with the day on which it is made.

    Raises:
        web.HTTPNotAcceptable: this hub makes none, or its font lacks a letter: the page says
            what to do instead.
    """
    today = day_of(reader.hub.clock())
    async with reader.press:
        try:
            return await asyncio.to_thread(make, today)
        except (Misconfigured, Malformed):
            raise web.HTTPNotAcceptable from None


def attached(content: bytes, name: str, media: str = PDF) -> web.Response:
    """Return a small file."""
    return web.Response(
        body=content,
        content_type=media,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def said_of(say: Words, found: Answered[object, object]) -> tuple[Fact, ...]:
    """Return in words what a paper contains: whose it is, when it was asked, over which head."""
    head = found.checkpoint
    facts = [
        Fact(say("files.agency"), (Said(found.agency),)),
        Fact(say("files.answered_at"), (Said(say.moment(found.answered_at)),)),
    ]
    if head is not None:
        told = say("files.head_is", origin=head.origin, size=head.size, root=head.root)
        facts.append(Fact(say("files.head"), (Said(told),)))
    return tuple(facts)


def which_part(say: Words, part: Part) -> str:
    """Return in words which rows a part has."""
    return say(
        "files.part_is",
        number=part.number,
        of=part.of,
        first=part.first,
        last=part.last,
        rows=part.rows,
    )


def tabled(say: Words, heading: str, grid: Grid, *, count: int | None = None) -> Section | None:
    """Return a table under its heading, or None without a row; long ones are cut, and say so.

    Args:
        say: the words.
        heading: of the section.
        grid: the table, its rows at most `PRINTED`.
        count: of all rows, where there are more than these.
    """
    if not grid.rows:
        return None
    rows = grid.rows[:PRINTED]
    most = len(grid.rows) if count is None else count
    hints = (say("files.cut", shown=len(rows), count=most),) if most > len(rows) else ()
    return Section(heading=heading, hints=hints, grids=(Grid(grid.caption, grid.heads, rows),))
