"""What partners ask for: read by people, and answered by sending, or not at all."""

import asyncio

from aiohttp import web

from exchange.agency.asked import Asked, find_asked, list_asked
from exchange.agency.pages import rows, tell
from exchange.agency.pages.book import Book
from exchange.agency.pages.rows import Row
from exchange.agency.pages.shell import Visit
from exchange.days import last_day


async def show_all(visit: Visit) -> web.Response:
    """List what partners ask for, the most urgent first."""
    book = await visit.shell.books.of(visit.gateway)
    page = rows.page_of(visit.fields)
    found = (await asyncio.to_thread(list_asked, visit.gateway.home))[page * rows.PAGE :]
    return visit.page(
        "list.html",
        words="requests",
        rows=[row_of(visit, book, one) for one in found[: rows.PAGE]],
        page=page,
        more=len(found) > rows.PAGE,
    )


def row_of(visit: Visit, book: Book, one: Asked) -> Row:
    """Return the entry of a list about a request."""
    say = visit.say
    return Row(
        title=book.office(one.agency),
        path=f"/requests/{one.id}",
        at=say("requests.until", day=say.day(last_day(one.deadline))),
        facts=[tell.fact(say, "categories", tell.categories(say, book, one.categories))],
        badge=None if one.consent_id else say("requests.seek"),
    )


async def show(visit: Visit) -> web.Response:
    """Show one request: about whom, what is needed, and why."""
    one = await asyncio.to_thread(find_asked, visit.gateway.home, visit.id_in_path())
    book = await visit.shell.books.of(visit.gateway)
    say, subject = visit.say, one.wanted.subject
    facts = [
        tell.fact(say, "person", [f"{subject.family_name}, {subject.given_name}"]),
        tell.fact(say, "born", [say.day(subject.born)]),
        tell.fact(say, "categories", tell.categories(say, book, one.categories)),
        tell.fact(say, "purpose", [book.purpose(one.purpose, say.lang)]),
        tell.fact(say, "needed", [one.wanted.needed]),
    ]
    for key, text in (("particulars", subject.particulars), ("why", one.wanted.why)):
        if text:
            facts.append(tell.fact(say, key, [text]))
    for agency, number in sorted(subject.case_numbers.items()):
        facts.append(tell.fact(say, "case", [f"{number} ({book.office(agency)})"]))
    return visit.page(
        "request.html",
        office=book.office(one.agency),
        until=say.day(last_day(one.deadline)),
        facts=facts,
        consent=one.consent_id,
        id=one.id,
    )
