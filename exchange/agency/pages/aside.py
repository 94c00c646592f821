"""Quarantine: why something was set aside, what is in it, and what somebody decides about it."""

from aiohttp import web

from exchange.agency import arrivals, aside_words, quarantine
from exchange.agency.http.download import send_file
from exchange.agency.pages import rows, tell
from exchange.agency.pages.rows import Row
from exchange.agency.pages.shell import Visit
from exchange.agency.quarantine import Aside
from exchange.days import last_day


async def show_all(visit: Visit) -> web.Response:
    """List what lies in quarantine, the newest first."""
    book = await visit.shell.books.of(visit.gateway)
    say, page = visit.say, rows.page_of(visit.fields)
    found = list(reversed(await quarantine.list_quarantine(visit.gateway)))
    shown = found[page * rows.PAGE :]
    return visit.page(
        "list.html",
        words="quarantine",
        rows=[
            Row(
                title=book.office(one.received.sender),
                path=f"/quarantine/{one.id}",
                at=say.moment(one.received.seen_at),
                facts=[tell.fact(say, "reason", aside_words.why(say, one.reason))],
                badge=None if one.may_be_released else say("quarantine.forbidden"),
            )
            for one in shown[: rows.PAGE]
        ],
        page=page,
        more=len(shown) > rows.PAGE,
    )


async def show(visit: Visit) -> web.Response:
    """Show one document in quarantine."""
    one = await quarantine.find_aside(visit.gateway, visit.id_in_path())
    book = await visit.shell.books.of(visit.gateway)
    context = arrivals.context_in(one.received.manifest or b"")
    say = visit.say
    return visit.page(
        "aside.html",
        reasons=aside_words.why(say, one.reason),
        steps=aside_words.then(say, one.reason),
        words=one.words,
        facts=[
            tell.fact(say, "from", [book.office(one.received.sender)]),
            tell.fact(say, "came", [tell.time_of(say, one.received.collected_at)]),
            tell.fact(say, "category", [book.category(context.category, say.lang)]),
            tell.fact(say, "purpose", [book.purpose(context.purpose, say.lang)]),
            *tell.person_facts(say, one.contents.subject),
            *([tell.fact(say, "remark", [one.contents.remark])] if one.contents.remark else []),
            tell.fact(say, "id", [one.id]),
        ],
        files=_files(visit, one),
        until=say.day(last_day(one.until)),
        may_release=one.may_be_released,
        id=one.id,
    )


def _files(visit: Visit, one: Aside) -> list[tuple[str, str]]:
    return [(file.name, tell.size_of(visit.say, file.size)) for file in one.contents.files]


async def file(visit: Visit) -> web.StreamResponse:
    """Hand out one file as it was opened, to be saved; somebody has to look at it to decide."""
    one = await quarantine.find_aside(visit.gateway, visit.id_in_path())
    place = int(visit.request.match_info["place"])
    path = quarantine.file_of(visit.gateway, one, place)
    return await send_file(visit.request, path, one.contents.files[place].name)


async def release(visit: Visit) -> web.Response:
    """Let a document into the spool as it is."""
    disclosure_id = visit.id_in_path()
    await quarantine.release(visit.gateway, disclosure_id)
    return visit.go(f"/documents/{disclosure_id}", "done.released")


async def reject(visit: Visit) -> web.Response:
    """Remove a document."""
    await quarantine.reject(visit.gateway, visit.id_in_path())
    return visit.go("/quarantine", "done.rejected")
