"""Every address of the officers' pages, and who may see what is behind it.

No cookie is read anywhere else, and no token here. What is not for the role of somebody is, byte
for byte, what does not exist.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from aiohttp import web

from exchange.errors import NotFound, NotPermitted
from exchange.hub.desk import (
    account,
    accounts,
    agreements,
    answer_files,
    audit,
    breach,
    breach_files,
    consent_files,
    consents,
    disclosures,
    entrance,
    erasures,
    figure_files,
    figures,
    figures_help,
    findings,
    log,
    overview,
    partners,
)
from exchange.hub.desk.papers_by_program import paper_routes
from exchange.hub.desk.provider import add_provider
from exchange.hub.desk.refusal import as_page
from exchange.hub.desk.shell import SHELL, Place, Visit, language, make_shell, remembered
from exchange.hub.http.call import FRONT
from exchange.hub.http.limits import Ticks
from exchange.hub.officers import sessions
from exchange.hub.officers.provider import Provider
from exchange.hub.officers.sessions import COOKIE
from exchange.hub.settings import HubSettings
from exchange.pages.own_page import from_own_page
from exchange.serving import bodies, front

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPEN: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", entrance.LOGIN, entrance.ask),
    ("GET", f"{entrance.LINK}/{{secret:[A-Za-z0-9_-]{{43}}}}", entrance.open_link),
    ("POST", entrance.LINK, entrance.use_link),
    ("GET", "/officer/accessibility", entrance.accessibility),
)
"""Method, path and page of what anybody may see."""
PLACES: Final[tuple[Place, ...]] = (
    *overview.PLACES,
    *findings.PLACES,
    *log.PLACES,
    *consents.PLACES,
    *disclosures.PLACES,
    *figures.PLACES,
    *figures_help.PLACES,
    *erasures.PLACES,
    *breach.PLACES,
    *agreements.PLACES,
    *partners.PLACES,
    *audit.PLACES,
    *accounts.PLACES,
    *account.PLACES,
    *answer_files.PLACES,
    *consent_files.PLACES,
    *breach_files.PLACES,
    *figure_files.PLACES,
)
"""What is for whoever has logged in, in the order of the navigation."""


def add_desk(app: web.Application, settings: HubSettings, ticks: Ticks) -> None:
    """Serve the officers' pages, what they load, and the address without its slash.

    Args:
        app: of the hub, with its front.
        settings: validated.
        ticks: monotonic seconds, for what is kept of a provider of logins.
    """
    provider = bool(settings.officers.issuer)
    shell = make_shell(PLACES, provider=provider, person=settings.person)
    app[SHELL] = shell
    app.middlewares.insert(0, as_page)
    for method, path, page in OPEN:
        app.router.add_route(method, path, page)
    for place in PLACES:
        app.router.add_route(place.method, place.path, guarded(place))
    for operation, handler in paper_routes().bound.items():
        app.router.add_route(operation.method, operation.path, handler)
    for asset in shell.assets.values():
        app.router.add_route("GET", asset.path, asset.answer)
    app.router.add_route("GET", "/officer", _home)
    if provider:
        add_provider(app, Provider(settings.officers, ticks=ticks))


def guarded(place: Place) -> Handler:
    """Return what answers at a place: its page, or the way to the entrance."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if place.method == "POST":
            check_origin(request)
        hub = request.app[FRONT].hub
        session = await sessions.find(hub, request.cookies.get(COOKIE, ""))
        if session is None:
            return entrance.ask_first(request)
        if session.officer.role not in place.roles:
            raise NotFound
        if place.fresh and not sessions.fresh(session, now=hub.clock()):
            return entrance.second_look(request)
        fields = await _fields(request)
        chosen = fields.get("lang", "")
        visit = Visit(
            request=request,
            session=session,
            shell=request.app[SHELL],
            lang=language(request, chosen),
            fields=fields,
        )
        return remembered(await place.page(visit), chosen)

    return handle


def check_origin(request: web.Request) -> None:
    """Refuse what no page of ours has sent.

    Raises:
        NotPermitted: another site sent it, or no browser.
    """
    if not from_own_page(request, request.app[FRONT].hub.origin):
        raise NotPermitted


async def _fields(request: web.Request) -> Mapping[str, str]:
    if request.method == "POST":
        return await bodies.form(request, seconds=request.app[FRONT].settings.body_s)
    return front.parameters(request)


async def _home(_request: web.Request) -> web.Response:
    return web.Response(status=308, headers={"Location": "/officer/"})
