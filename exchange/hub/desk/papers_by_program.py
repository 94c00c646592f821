"""The officers' papers for their agency's own tools: `/v1/officer/papers/...`.

They are bound here and not beside the other answers by program: they are in the words of the pages.
"""

from aiohttp import web

from exchange.hub.answers import disclosures, erasures
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.desk.consent_files import consent_paper
from exchange.hub.desk.papers import breach_paper, disclosures_paper, erasures_paper
from exchange.hub.desk.printed import Reader
from exchange.hub.desk.shell import SHELL
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.http.officers import asker
from exchange.wire import officer_papers as wire
from exchange.wire.shapes import IdPath


def paper_routes() -> Routes:
    """Return the handlers of officers' papers."""
    bound = Routes()
    bound.streams(wire.DISCLOSURES_PAPER)(get_disclosures)
    bound.streams(wire.ERASURES_PAPER)(get_erasures)
    bound.streams(wire.BREACH_PAPER)(get_breach)
    bound.streams(wire.CONSENT_PAPER)(get_consent)
    return bound


async def get_disclosures(call: Call, *, query: wire.DisclosuresPaperQuery) -> web.Response:
    """Hand out a part of what was disclosed between two days."""
    wanted = disclosures.Wanted(query.since, query.until)
    return await disclosures_paper(_reader(call, query.lang), wanted, query.part)


async def get_erasures(call: Call, *, query: wire.ErasuresPaperQuery) -> web.Response:
    """Hand out a part of what is to be erased, and what was answered."""
    wanted = erasures.Wanted(query.state)
    return await erasures_paper(_reader(call, query.lang), wanted, query.part)


async def get_breach(call: Call, *, query: wire.BreachPaperQuery) -> web.Response:
    """Hand out a part of the report of a breach."""
    wanted = Wanted(
        kind=query.kind,
        key=query.key or "",
        since=query.since,
        until=query.until,
        noticed_at=query.noticed_at or call.hub.clock(),
    )
    return await breach_paper(_reader(call, query.lang), wanted, query.part)


async def get_consent(call: Call, *, path: IdPath, query: wire.ConsentPaperQuery) -> web.Response:
    """Hand out what the page of one consent says."""
    return await consent_paper(_reader(call, query.lang), path.id, query.at)


def _reader(call: Call, lang: wire.Language) -> Reader:
    shell = call.request.app[SHELL]
    return Reader(hub=call.hub, asker=asker(call), say=shell.words[lang], press=shell.press)
