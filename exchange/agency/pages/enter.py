"""The entrance: the token of an office is typed once, and opens a session for a while."""

from aiohttp import web

from exchange.agency.pages import forms
from exchange.agency.pages.session import COOKIE, SESSIONS
from exchange.agency.pages.shell import SHELL, Visit, language


async def ask(request: web.Request) -> web.Response:
    """Ask for the token."""
    lang = language(request, request.query.get("lang", ""))
    return request.app[SHELL].render("enter.html", lang, path="/enter", missed=False)


async def enter(request: web.Request) -> web.Response:
    """Open a session, or say that nothing opens with that token."""
    fields = await forms.read(request, None)
    sessions = request.app[SESSIONS]
    lang = language(request, fields.one("lang"))
    cookie = sessions.enter(fields.one("token"), lang)
    if cookie is None:
        return request.app[SHELL].render("enter.html", lang, path="/enter", status=403, missed=True)
    sessions.leave(request.cookies.get(COOKIE, ""))
    answer = web.Response(status=303, headers={"Location": "/"})
    # For this host alone, gone with the browser, never told to scripts or other sites.
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="Strict", path="/")
    return answer


async def leave(visit: Visit) -> web.Response:
    """End the session; what was prepared and not sent goes with it."""
    visit.request.app[SESSIONS].leave(visit.request.cookies.get(COOKIE, ""))
    answer = web.Response(status=303, headers={"Location": "/enter", "Clear-Site-Data": '"cache"'})
    answer.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
    return answer
