"""The form of a consent, as a page to print or as PDF."""

import asyncio

from aiohttp import web

from exchange.days import day_of
from exchange.errors import Misconfigured
from exchange.forms import document, page
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.show_form import show_form
from exchange.wire import queries, routes, shapes


def paper_routes() -> Routes:
    """Return the handler of the form."""
    bound = Routes()
    bound.streams(routes.CONSENT_FORM)(get_form)
    return bound


async def get_form(call: Call, *, path: shapes.IdPath, query: queries.FormQuery) -> web.Response:
    """Return the form; 406 where a PDF is asked for and this hub cannot make one."""
    paper = await show_form(call.hub, path.id, call.agency, lang=query.lang)
    if query.kind == "html":
        return web.Response(body=page.html(paper), content_type=routes.HTML, charset="utf-8")
    try:
        made = await asyncio.to_thread(document.pdf, paper, today=day_of(call.hub.clock()))
    except Misconfigured:
        raise web.HTTPNotAcceptable from None
    return web.Response(body=made, content_type=routes.PDF)
