"""Login with a provider: the way there, which is a link, and the way back.

A link, because browsers refuse a form whose answer leads to another site (`form-action`). What
was wrong with a login stands in the local log and on no page.
"""

from typing import Final

import structlog
from aiohttp import web

from exchange.errors import LoginRefused
from exchange.hub.desk import entrance
from exchange.hub.desk.shell import SHELL, language
from exchange.hub.http.call import FRONT
from exchange.hub.http.caller import neighbourhood
from exchange.hub.http.limits import within
from exchange.hub.officers import accounts, oidc, sessions
from exchange.hub.officers.oidc import BACK, COOKIE, LIFE
from exchange.hub.officers.provider import Provider
from exchange.serving import front

START: Final = "/officer/login/start"
PROVIDER: Final = web.AppKey("provider", Provider)


def add_provider(app: web.Application, provider: Provider) -> None:
    """Serve the way to a provider of logins and back; without one neither address exists."""
    app[PROVIDER] = provider
    app.router.add_route("GET", START, leave_for)
    app.router.add_route("GET", BACK, come_back)


async def leave_for(request: web.Request) -> web.Response:
    """Lead to the provider; with `again=yes` she proves there now who she is."""
    here = request.app[FRONT]
    fresh = front.parameters(request).get("again") == "yes"
    within(here.limits.logins, neighbourhood(here.address(request)))
    try:
        begun = await oidc.start(here.hub, request.app[PROVIDER], fresh=fresh)
    except LoginRefused as refused:
        return _refused(request, refused)
    answer = web.Response(status=303, headers={"Location": begun.location})
    # Lax: with Strict no browser would send it on the way back from another site.
    answer.set_cookie(
        COOKIE,
        begun.cookie,
        max_age=int(LIFE.total_seconds()),
        secure=True,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return answer


async def come_back(request: web.Request) -> web.Response:
    """Begin a session for whom the provider's answer proves, or refuse without saying why."""
    try:
        cookie = await _proved(request)
    except LoginRefused as refused:
        return _refused(request, refused)
    return _forgotten(entrance.entered(request, cookie))


async def _proved(request: web.Request) -> str:
    """Return the cookie of the session that the provider's answer begins."""
    hub, query = request.app[FRONT].hub, front.parameters(request)
    attempt, before = (request.cookies.get(name, "") for name in (COOKIE, sessions.COOKIE))
    proof = await oidc.finish(hub, request.app[PROVIDER], attempt, query)
    officer = await accounts.by_login(hub, proof.login)
    if officer is None:
        raise LoginRefused("account")
    cookie = await sessions.enter(hub, officer.id, before=before, proved_at=proof.proved_at)
    if cookie is None:  # removed a moment ago
        raise LoginRefused("account")
    return cookie


def _refused(request: web.Request, refused: LoginRefused) -> web.Response:
    log = structlog.get_logger("exchange.hub.officers")
    log.warning("officer-login-refused", code=refused.reason)
    shell = request.app[SHELL]
    return _forgotten(shell.render("refused.html", language(request), status=403))


def _forgotten(answer: web.Response) -> web.Response:
    answer.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return answer
