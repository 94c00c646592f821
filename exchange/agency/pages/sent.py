"""What went out: how far each document has come, in words, and the receipt of the log."""

from typing import Final

from aiohttp import web

from exchange.agency import arrivals, state
from exchange.agency.http.download import send_file
from exchange.agency.log_points import STORED
from exchange.agency.pages import rows, tell
from exchange.agency.pages.book import Book
from exchange.agency.pages.rows import PAGE, Row
from exchange.agency.pages.shell import Visit
from exchange.agency.prove import receipt_file
from exchange.agency.recall import recall as take_back
from exchange.agency.state import Sending, Sent
from exchange.errors import NotFound
from exchange.forms.account import Fact

RECALLABLE: Final = frozenset({Sending.SEALED, Sending.LODGED, Sending.STORED})
"""States in which nobody has collected it."""


async def show_all(visit: Visit) -> web.Response:
    """List what went out, the newest first."""
    book = await visit.shell.books.of(visit.gateway)
    page = rows.page_of(visit.fields)
    found = await visit.gateway.state.read(rows.list_sent, page)
    return visit.page(
        "list.html",
        words="sent",
        rows=[row_of(visit, book, one) for one in found[:PAGE]],
        page=page,
        more=len(found) > PAGE,
    )


def row_of(visit: Visit, book: Book, one: Sent) -> Row:
    """Return the entry of a list about a disclosure of ours."""
    say = visit.say
    return Row(
        title=book.category(arrivals.context_in(one.manifest).category, say.lang),
        path=f"/sent/{one.id}",
        at=say.moment(one.sent_at),
        facts=[
            tell.fact(say, "to", tell.offices(book, one.recipients.split(","))),
            tell.fact(say, "state", [state_of(visit, one)]),
        ],
    )


def state_of(visit: Visit, one: Sent) -> str:
    """Return how far a disclosure of ours has come, in a sentence."""
    say = visit.say
    if one.state is Sending.ACKNOWLEDGED:
        return tell.word(say, "sending", f"acknowledged-{one.result}")
    return say(f"sending.{one.state.value}")


async def show(visit: Visit) -> web.Response:
    """Show one disclosure of ours."""
    one = await _found(visit)
    book = await visit.shell.books.of(visit.gateway)
    answers = await visit.gateway.state.read(rows.list_answers, one.id)
    return visit.page(
        "sent.html",
        title=book.category(arrivals.context_in(one.manifest).category, visit.say.lang),
        state=state_of(visit, one),
        facts=_facts(visit, book, one),
        answers=[_answer(visit, book, answer) for answer in answers],
        has_receipt=receipt_file(visit.gateway.home, STORED, one.id).is_file(),
        may_recall=one.state in RECALLABLE,
        id=one.id,
    )


def _facts(visit: Visit, book: Book, one: Sent) -> list[Fact]:
    say, context = visit.say, arrivals.context_in(one.manifest)
    facts = [
        tell.fact(say, "to", tell.offices(book, one.recipients.split(","))),
        tell.fact(say, "sent", [say.moment(one.sent_at)]),
        tell.fact(say, "purpose", [book.purpose(context.purpose, say.lang)]),
        tell.fact(say, "secrecy", [say(f"secrecy.{context.secrecy.code}")]),
        tell.fact(say, "stored", [tell.time_of(say, one.stored_at)]),
        tell.fact(say, "collected", [tell.time_of(say, one.collected_at)]),
        tell.fact(say, "expires", [say.moment(one.exp)]),
    ]
    if one.reason is not None:
        facts.append(tell.fact(say, "reason", [tell.word(say, "reason", one.reason)]))
    return [*facts, tell.fact(say, "id", [one.id])]


def _answer(visit: Visit, book: Book, answer: tuple[str, str, str | None]) -> Fact:
    agency, result, reason = answer
    said = [tell.word(visit.say, "result", result)]
    if reason is not None:
        said.append(tell.word(visit.say, "reason", reason))
    return tell.labelled(book.office(agency), said)


async def receipt(visit: Visit) -> web.StreamResponse:
    """Hand out the receipt: with it anybody can check that the hub has stored the document."""
    one = await _found(visit)
    path = receipt_file(visit.gateway.home, STORED, one.id)
    return await send_file(visit.request, path, f"{one.id}.tlog-proof")


async def recall(visit: Visit) -> web.Response:
    """Take a disclosure back that nobody has collected."""
    one = await _found(visit)
    await take_back(visit.gateway, one.id)
    return visit.go(f"/sent/{one.id}", "done.recalled")


async def _found(visit: Visit) -> Sent:
    found = await visit.gateway.state.read(state.find_sent, visit.id_in_path())
    if found is None:
        raise NotFound("no such document was sent")
    return found
