"""The first page: what needs somebody's attention, what came in last, what happened."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from exchange.agency import quarantine, state
from exchange.agency.asked import list_asked
from exchange.agency.pages import documents, happened, rows, tell
from exchange.agency.pages.shell import Visit
from exchange.agency.state import Erasing

SHOWN = 5
"""Entries of each short list."""


@dataclass(frozen=True, slots=True)
class Attention:
    """Something somebody has to look at."""

    text: str
    path: str | None = None
    """Of the page where something can be done; None where an administrator has to look."""


async def show(visit: Visit) -> web.Response:
    """Show the first page."""
    gateway = visit.gateway
    book = await visit.shell.books.of(gateway)
    arrived = await gateway.state.read(rows.list_arrived, 0)
    waiting = [one for one in arrived if not documents.is_taken(visit, one)]
    events = await gateway.state.read(rows.list_happened, 0)
    return visit.page(
        "start.html",
        attention=await _attention(visit),
        arrived=[documents.row_of(visit, book, one) for one in waiting[:SHOWN]],
        events=happened.rows_of(visit, events[:SHOWN]),
    )


async def _attention(visit: Visit) -> list[Attention]:
    """Return what waits for people; what is stopped comes first."""
    gateway, say = visit.gateway, visit.say
    found: list[Attention] = []
    if gateway.log.stopped:
        found.append(Attention(say("attention.stopped")))
    for key, path, count in (
        ("quarantine", "/quarantine", len(await quarantine.list_quarantine(gateway))),
        ("requests", "/requests", len(await asyncio.to_thread(list_asked, gateway.home))),
        ("erasures", "/erasures", len(await _erasures(visit))),
        ("waiting", "/sent", await gateway.state.read(rows.count_waiting)),
    ):
        if count:
            number = "one" if count == 1 else "many"
            found.append(Attention(say(f"attention.{key}.{number}", count=count), path))
    held = await gateway.state.read(state.list_held)
    return found + [
        Attention(say("attention.held", reason=tell.word(say, "held", reason)))
        for _, reason, _ in held[:SHOWN]
    ]


async def _erasures(visit: Visit) -> list[state.Erasure]:
    return await visit.gateway.state.read(state.list_erasures, Erasing.ASKED)
