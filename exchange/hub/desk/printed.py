"""Answers as PDF: made in a thread, one at a time, where this hub can make any."""

import asyncio
from collections.abc import Callable
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

PDF: Final = "application/pdf"


async def printed(visit: Visit, make: Callable[[date], bytes]) -> bytes:
    """Return a PDF.

    Args:
        visit: of whoever takes it.
        make: returns it, with the day on which it is made.

    Raises:
        web.HTTPNotAcceptable: this hub makes none, or its font lacks a letter: the page says
            what to do instead.
    """
    today = day_of(visit.hub.clock())
    async with visit.shell.press:
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


def said_of(visit: Visit, found: Answered[object, object]) -> tuple[Fact, ...]:
    """Return in words what a paper contains: whose it is, when it was asked, over which head."""
    say, head = visit.say, found.checkpoint
    facts = [
        Fact(say("files.agency"), (Said(found.agency),)),
        Fact(say("files.answered_at"), (Said(say.moment(found.answered_at)),)),
    ]
    if head is not None:
        told = say("files.head_is", origin=head.origin, size=head.size, root=head.root)
        facts.append(Fact(say("files.head"), (Said(told),)))
    return tuple(facts)


def tabled(visit: Visit, heading: str, grid: Grid, *, count: int | None = None) -> Section | None:
    """Return a table under its heading, or None without a row; long ones are cut, and say so.

    Args:
        visit: whose words.
        heading: of the section.
        grid: the table, its rows at most `PRINTED`.
        count: of all rows, where there are more than these.
    """
    if not grid.rows:
        return None
    rows = grid.rows[:PRINTED]
    most = len(grid.rows) if count is None else count
    hints = (visit.say("files.cut", shown=len(rows), count=most),) if most > len(rows) else ()
    return Section(heading=heading, hints=hints, grids=(Grid(grid.caption, grid.heads, rows),))
