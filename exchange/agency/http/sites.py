"""Refuses what a page of another site makes a browser ask: this listener is for its own alone."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from exchange.errors import NotPermitted

FOREIGN: Final = "only programs and pages of this machine itself may ask; leave out the Origin"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def own_site_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request whose `Origin` is not the address it was sent to.

    Browsers set it on every request that a page may make elsewhere and that could change
    something; `null` is the one of a sandbox or a file. No answer carries a header that would let
    another site read it.

    Raises:
        NotPermitted: the page is of another site.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() != f"http://{request.headers['Host'].lower()}":
        raise NotPermitted(FOREIGN)
    return await handler(request)
