"""Every address of the person's page. None of them holds an id, a name or a code."""

from typing import Final

from aiohttp import web

from exchange.hub.pages import person, signing, take_along
from exchange.hub.pages.shell import SHELL, Page, Shell

PAGES: Final[tuple[tuple[str, str, Page], ...]] = (
    ("GET", "/p/", person.start),
    ("POST", "/p/", person.show),
    ("POST", "/p/withdraw", person.confirm),
    ("POST", "/p/withdraw/prepare", person.prepare_withdrawal),
    ("POST", "/p/withdrawn", person.withdraw),
    ("POST", "/p/sign/prepare", signing.prepare_signature),
    ("POST", "/p/signed", signing.sign),
    ("POST", "/p/taken-back", signing.unsign),
    ("POST", "/p/receipt", take_along.receipt),
    ("POST", "/p/records", take_along.records),
    ("GET", "/p/end", person.end),
    ("GET", "/p/accessibility", person.accessibility),
)
"""Method, path and page."""


def add_pages(app: web.Application, shell: Shell) -> None:
    """Serve the pages, what they load, and the address without its slash."""
    app[SHELL] = shell
    for method, path, page in PAGES:
        app.router.add_route(method, path, page)
    for asset in shell.assets.values():
        app.router.add_route("GET", asset.path, asset.answer)
    app.router.add_route("GET", "/p", _home)


async def _home(_request: web.Request) -> web.Response:
    return web.Response(status=308, headers={"Location": "/p/"})
