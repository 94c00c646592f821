"""Every address of the person's page. None of them holds an id, a name, a code, or what was done.

Browsers keep the address of every page in their history, also of those that came by POST. So all
that a code opens has one address, and what is asked for stands in the form beside the code.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from aiohttp import web

from exchange.errors import Malformed
from exchange.hub.pages import person, signing, take_along
from exchange.hub.pages.entry import Entry, enter
from exchange.hub.pages.refusal import as_page
from exchange.hub.pages.shell import SHELL, Shell

Page: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Wish: TypeAlias = Callable[[web.Request, Entry], Awaitable[web.StreamResponse]]

WISHES: Final[Mapping[str, Wish]] = {
    "show": person.show,
    "ask": person.confirm,
    "withdraw": person.withdraw,
    "prepare-withdrawal": person.prepare_withdrawal,
    "prepare-signature": signing.prepare_signature,
    "sign": signing.sign,
    "take-back": signing.unsign,
    "receipt": take_along.receipt,
    "everything": take_along.everything,
    "records": take_along.records,
    "proofs": take_along.proofs,
}
"""What the field `do` of a form may ask for."""


async def fulfil(request: web.Request) -> web.StreamResponse:
    """Answer a form: the one way to whatever a code opens."""
    entry = await enter(request)
    wish = WISHES.get(entry.wish)
    if wish is None:
        raise Malformed("the form asks for something unknown")
    return await wish(request, entry)


PAGES: Final[tuple[tuple[str, str, Page], ...]] = (
    ("GET", "/p/", person.start),
    ("POST", "/p/", fulfil),
    ("GET", "/p/end", person.end),
    ("GET", "/p/accessibility", person.accessibility),
)
"""Method, path and page."""


def add_pages(app: web.Application, shell: Shell) -> None:
    """Serve the pages, what they load, and the address without its slash."""
    app[SHELL] = shell
    app.middlewares.insert(0, as_page)
    for method, path, page in PAGES:
        app.router.add_route(method, path, page)
    for asset in shell.assets.values():
        app.router.add_route("GET", asset.path, asset.answer)
    app.router.add_route("GET", "/p", _home)


async def _home(_request: web.Request) -> web.Response:
    return web.Response(status=308, headers={"Location": "/p/"})
