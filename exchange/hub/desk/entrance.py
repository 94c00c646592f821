"""The entrance: how an officer proves that an account is hers, and how she leaves.

A link's page opens nothing until its button is pressed: whoever scans mail presses none.
"""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from exchange.errors import NotPermitted
from exchange.hub.desk.shell import HOME, SHELL, Visit, language, remembered
from exchange.hub.desk.way_back import known, page_before
from exchange.hub.http.call import FRONT
from exchange.hub.officers import links, sessions
from exchange.hub.officers.sessions import COOKIE
from exchange.hub.settings import Person
from exchange.pages.own_page import from_own_page
from exchange.serving import bodies, front

LOGIN: Final = "/officer/login"
LINK: Final = "/officer/link"
PROOF: Final = "/officer/proof"
BACK: Final = "__Host-back"
"""Cookie with the path of the page to go back to after a login or a fresh proof."""


async def ask(request: web.Request) -> web.StreamResponse:
    """Say how one logs in."""
    return _open_page(request, "login.html", front.parameters(request), path=LOGIN, missed=False)


async def open_link(request: web.Request) -> web.StreamResponse:
    """Show the button of a link: the same for every link, used, expired or never made."""
    secret = request.match_info["secret"]
    return _open_page(
        request, "link.html", front.parameters(request), path=f"{LINK}/{secret}", secret=secret
    )


async def use_link(request: web.Request) -> web.StreamResponse:
    """Begin a session with a link, or say that nothing opens with it."""
    hub = request.app[FRONT].hub
    if not from_own_page(request, hub.origin):
        raise NotPermitted
    fields = await bodies.form(request, seconds=request.app[FRONT].settings.body_s)
    before = request.cookies.get(COOKIE, "")
    cookie = await links.use(hub, fields.get("secret", ""), before=before)
    if cookie is None:
        return _open_page(request, "login.html", fields, path=LOGIN, missed=True, status=403)
    return entered(request, cookie)


async def accessibility(request: web.Request) -> web.StreamResponse:
    """Show the declaration of accessibility."""
    path, person = "/officer/accessibility", request.app[SHELL].person
    fields = front.parameters(request)
    return _open_page(request, "accessibility.html", fields, path=path, person=person)


def entered(request: web.Request, cookie: str) -> web.Response:
    """Return the way in for the session that has just begun.

    It leads to the page of ours that the browser was at before, or to the overview; never to an
    address that is not on the list.

    Args:
        request: that brought the proof.
        cookie: from `exchange.hub.officers.sessions.enter`.
    """
    wanted = request.cookies.get(BACK, "")
    to = wanted if known(request.app[SHELL].pages, wanted) else HOME
    answer = web.Response(status=303, headers={"Location": to})
    answer.set_cookie(COOKIE, cookie, secure=True, httponly=True, samesite="Lax", path="/")
    if wanted:
        answer.del_cookie(BACK, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


def ask_first(request: web.Request) -> web.Response:
    """Return the way to the login, and remember the way back to a part of the pages.

    To no page with an id: whoever logs in next at this browser may be somebody else, and a look
    at a consent is noted as hers.
    """
    answer = web.Response(status=303, headers={"Location": LOGIN})
    parts = {path for path, _, _ in request.app[SHELL].parts} - {HOME}
    if request.method == "GET" and request.path in parts:
        _remember(answer, request.path)
    return answer


def second_look(request: web.Request) -> web.Response:
    """Return the way to the page that asks for a fresh proof, and remember the way back."""
    answer = web.Response(status=303, headers={"Location": PROOF})
    before = page_before(request.app[SHELL].pages, request.path)
    if before is not None:
        _remember(answer, before)
    return answer


async def leave_everywhere(visit: Visit) -> web.Response:
    """End every session of the account: for somebody who sees one that is not hers."""
    await sessions.end_all(visit.hub, visit.asker)
    return _left()


async def prove(visit: Visit) -> web.Response:
    """Ask for a fresh proof."""
    return visit.page("proof.html")


async def leave(visit: Visit) -> web.Response:
    """End the session."""
    await sessions.end(visit.hub, visit.request.cookies.get(COOKIE, ""))
    return _left()


def _remember(answer: web.Response, path: str) -> None:
    answer.set_cookie(BACK, path, secure=True, httponly=True, samesite="Lax", path="/")


def _left() -> web.Response:
    headers = {"Location": LOGIN, "Clear-Site-Data": '"cache"'}
    answer = web.Response(status=303, headers=headers)
    answer.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


def _open_page(
    request: web.Request,
    template: str,
    fields: Mapping[str, str],
    *,
    path: str,
    status: int = 200,
    **values: str | bool | Person,
) -> web.StreamResponse:
    chosen = fields.get("lang", "")
    shell, lang = request.app[SHELL], language(request, chosen)
    given: dict[str, Any] = dict(values)
    page = shell.render(template, lang, status=status, path=path, **given)
    return remembered(page, chosen)
