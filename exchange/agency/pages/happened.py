"""What has happened here, the newest first: codes become sentences, and nobody is named."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from exchange.agency.events import Event, EventKind
from exchange.agency.pages import rows, tell
from exchange.agency.pages.rows import Row
from exchange.agency.pages.shell import Visit

WHERE: Final = {
    "document": "/documents/",
    "disclosure": "/sent/",
    "consent": "/consents/",
    "erasure": "/erasures",
    "request": "/requests",
    "delivery": "/documents/",
}
"""Where more is told of what happened, by what it happened to; those with a slash name it."""


async def show(visit: Visit) -> web.Response:
    """List what happened."""
    page = rows.page_of(visit.fields)
    found = await visit.gateway.state.read(rows.list_happened, page)
    return visit.page(
        "list.html",
        words="events",
        rows=rows_of(visit, found[: rows.PAGE]),
        page=page,
        more=len(found) > rows.PAGE,
    )


def rows_of(visit: Visit, found: Sequence[Event]) -> list[Row]:
    """Return the entries of a list about events."""
    return [_row(visit, event) for event in found]


def _row(visit: Visit, event: Event) -> Row:
    say = visit.say
    place = WHERE[event.kind.value.partition(".")[0]]
    if event.kind is EventKind.QUARANTINED:
        place = "/quarantine/"
    return Row(
        title=say(f"event.{event.kind.value}"),
        path=f"{place}{event.of}" if place.endswith("/") else place,
        at=say.moment(event.at),
        facts=[]
        if event.reason is None
        else [tell.fact(say, "reason", [tell.word(say, "reason", event.reason)])],
    )
