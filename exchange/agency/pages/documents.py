"""What came in and lies in the spool: from whom, what for, and that it was taken over."""

import asyncio

from aiohttp import web

from exchange.agency import arrivals, deliver
from exchange.agency.documents import Document, SpoolFile, files_of, find_document
from exchange.agency.http.download import send_file
from exchange.agency.pages import rows, tell
from exchange.agency.pages.book import Book
from exchange.agency.pages.rows import PAGE, Row
from exchange.agency.pages.shell import Visit
from exchange.envelope.contents import read_contents
from exchange.errors import NotFound
from exchange.forms.account import Fact
from exchange.wire.acknowledgement import Result


async def show_all(visit: Visit) -> web.Response:
    """List what came in, the newest first."""
    book = await visit.shell.books.of(visit.gateway)
    page = rows.page_of(visit.fields)
    found = await visit.gateway.state.read(rows.list_arrived, page)
    return visit.page(
        "list.html",
        words="documents",
        rows=[row_of(visit, book, one) for one in found[:PAGE]],
        page=page,
        more=len(found) > PAGE,
    )


def row_of(visit: Visit, book: Book, one: Document) -> Row:
    """Return the entry of a list about a document."""
    say = visit.say
    badge = None
    if is_taken(visit, one):
        badge = say("documents.taken")
    elif is_released(one):
        badge = say("documents.released")
    return Row(
        title=book.category(one.context.category, say.lang),
        path=f"/documents/{one.id}",
        at=tell.time_of(say, one.received.collected_at),
        facts=[
            tell.fact(say, "from", [book.office(one.context.sender)]),
            tell.fact(say, "purpose", [book.purpose(one.context.purpose, say.lang)]),
        ],
        badge=badge,
    )


def is_taken(visit: Visit, one: Document) -> bool:
    """Tell whether the office has a document: it has said so, or has moved the folder away."""
    return one.fetched or not (visit.gateway.home.spool / one.folder).is_dir()


def is_released(one: Document) -> bool:
    """Tell whether a document was let out of quarantine."""
    return one.received.result == Result.QUARANTINED


async def show(visit: Visit) -> web.Response:
    """Show one document: what is said about it, and its files to be saved."""
    one = await visit.gateway.state.read(find_document, visit.id_in_path())
    lying = await asyncio.to_thread(files_of, visit.gateway.home, one.folder)
    book = await visit.shell.books.of(visit.gateway)
    return visit.page(
        "document.html",
        title=book.category(one.context.category, visit.say.lang),
        facts=await _facts(visit, book, one),
        files=[(file.name, tell.size_of(visit.say, file.size)) for file in lying or ()],
        lies=lying is not None,
        fetched=one.fetched,
        released=is_released(one),
        id=one.id,
    )


async def _facts(visit: Visit, book: Book, one: Document) -> list[Fact]:
    say, context = visit.say, one.context
    facts = [
        tell.fact(say, "from", [book.office(context.sender)]),
        tell.fact(say, "came", [tell.time_of(say, one.received.collected_at)]),
        tell.fact(say, "purpose", [book.purpose(context.purpose, say.lang)]),
        tell.fact(say, "secrecy", [say(f"secrecy.{context.secrecy.code}")]),
    ]
    whole = await visit.gateway.state.read(arrivals.whole, one.received)
    if whole.contents is not None:
        letter = read_contents(whole.contents)
        facts += tell.person_facts(say, letter.subject)
        for key, text in (("remark", letter.remark), ("reference", letter.reference)):
            if text:
                facts.append(tell.fact(say, key, [text]))
    return [*facts, tell.fact(say, "id", [one.id])]


async def file(visit: Visit) -> web.StreamResponse:
    """Hand out one file of a document, to be saved."""
    one = await visit.gateway.state.read(find_document, visit.id_in_path())
    found = await asyncio.to_thread(_file, visit, one)
    return await send_file(visit.request, found.path, found.name)


def _file(visit: Visit, one: Document) -> SpoolFile:
    lying = files_of(visit.gateway.home, one.folder) or []
    place = int(visit.request.match_info["place"])
    if place >= len(lying):
        raise NotFound("the document has fewer files")
    return lying[place]


async def fetched(visit: Visit) -> web.Response:
    """Note that the office has taken a document over: its copy here may go."""
    await deliver.fetched(visit.gateway, visit.id_in_path())
    return visit.go("/documents", "done.fetched")
