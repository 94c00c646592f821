"""What must be erased after a consent has ended: people erase, look, and sign that they have."""

from datetime import date
from typing import Final

from aiohttp import web

from exchange.agency import arrivals, erase, state
from exchange.agency.pages import tell
from exchange.agency.pages.rows import Row
from exchange.agency.pages.shell import Visit
from exchange.agency.state import Erasing, Erasure, Received
from exchange.days import day_of
from exchange.errors import Malformed, NotFound
from exchange.wire.erasure import Ground, Kept

ALL: Final = "erased"
"""What the field `answer` says where nothing is kept; else a ground."""


async def show_all(visit: Visit) -> web.Response:
    """List what waits for people here, the most urgent first."""
    found = await visit.gateway.state.read(state.list_erasures, Erasing.ASKED)
    return visit.page(
        "list.html",
        words="erasures",
        rows=[row_of(visit, one) for one in found],
        page=0,
        more=False,
    )


def row_of(visit: Visit, one: Erasure) -> Row:
    """Return the entry of a list about a request to erase."""
    say, due = visit.say, day_of(one.due)
    late = visit.gateway.clock() >= one.due
    return Row(
        title=say("erasures.one"),
        path=f"/erasures/{one.id}",
        at=say("erasures.due", day=say.day(due)),
        badge=say("erasures.late") if late else None,
    )


async def show(visit: Visit, *, wrong: str | None = None) -> web.Response:
    """Show what must be erased, and ask what became of it."""
    one = await _found(visit)
    book = await visit.shell.books.of(visit.gateway)
    say = visit.say
    concerned = await visit.gateway.state.read(arrivals.list_received, consent=one.consent)
    return visit.page(
        "erasure.html",
        due=say.day(day_of(one.due)),
        concerned=[
            tell.labelled(
                book.office(received.sender),
                [tell.time_of(say, received.collected_at), _place(visit, received)],
            )
            for received in concerned
        ],
        grounds=[(ground.value, say(f"ground.{ground.value}")) for ground in Ground],
        today=day_of(visit.gateway.clock()).isoformat(),
        wrong=wrong,
        id=one.id,
    )


async def confirm(visit: Visit) -> web.Response:
    """Sign what became of it, and send the answer."""
    one = await _found(visit)
    answer = visit.fields.one("answer")
    try:
        kept = None if answer == ALL else _kept(visit)
        await erase.confirm(visit.gateway, one.id, kept=kept)
    except Malformed:
        return await show(visit, wrong="erasures.wrong")
    return visit.go("/erasures", "done.erased")


def _kept(visit: Visit) -> Kept:
    try:
        ground = Ground(visit.fields.one("answer"))
        until = date.fromisoformat(visit.fields.one("until"))
    except ValueError:
        raise Malformed("a ground and a day are needed") from None
    return Kept(ground=ground, until=until)


def _place(visit: Visit, received: Received) -> str:
    """Say where a document is, as far as that is known here."""
    if received.folder is None:
        return visit.say("erasures.gone")
    lies = (visit.gateway.home.spool / received.folder).is_dir()
    return visit.say("erasures.lies" if lies else "erasures.taken")


async def _found(visit: Visit) -> Erasure:
    found = await visit.gateway.state.read(state.find_erasure, visit.id_in_path())
    if found is None or found.state is not Erasing.ASKED:
        raise NotFound("no such request to erase waits here")
    return found
