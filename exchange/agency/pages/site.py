"""Every address of the gateway's pages, and who may see what is behind it.

A page is of the office whose token opened the session, and of no other: each handler gets that
office and nothing else. What a form changes is answered with the way to another page, so that
loading a page again repeats nothing.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import web

from exchange.agency.http.caller import speaks_for
from exchange.agency.http.keys import OFFICES
from exchange.agency.pages import (
    aside,
    asking,
    consent_form,
    consents,
    documents,
    enter,
    erasures,
    forms,
    happened,
    invitation,
    receipt,
    requests,
    sending,
    sent,
    start,
)
from exchange.agency.pages.fields import Fields, parsed
from exchange.agency.pages.refusal import as_page, trouble
from exchange.agency.pages.session import COOKIE, SESSIONS, Sessions
from exchange.agency.pages.shell import SHELL, Visit, make_shell
from exchange.errors import ExchangeError
from exchange.pages.words import USUAL

Page: TypeAlias = Callable[[Visit], Awaitable[web.StreamResponse]]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

ID: Final = "{id:[0-9a-f-]{36}}"
PLACE: Final = "{place:[0-9]{1,4}}"
PAGES: Final[tuple[tuple[str, Page], ...]] = (
    ("/", start.show),
    ("/documents", documents.show_all),
    (f"/documents/{ID}", documents.show),
    (f"/documents/{ID}/files/{PLACE}", documents.file),
    ("/sent", sent.show_all),
    (f"/sent/{ID}", sent.show),
    (f"/sent/{ID}/receipt", sent.receipt),
    ("/send", sending.prepare),
    (f"/send/{ID}", sending.check),
    ("/consents", consents.show_all),
    ("/consents/new", consent_form.ask),
    ("/consents/withdrawal-form", consents.withdrawal_form),
    (f"/consents/drafts/{ID}", invitation.show),
    (f"/consents/drafts/{ID}/form", consent_form.paper),
    (f"/consents/{ID}", consents.show),
    (f"/consents/{ID}/withdrawal", consents.ask_withdrawal),
    (f"/consents/{ID}/receipt", receipt.ask),
    (f"/consents/{ID}/receipt/paper", receipt.paper),
    ("/quarantine", aside.show_all),
    (f"/quarantine/{ID}", aside.show),
    (f"/quarantine/{ID}/files/{PLACE}", aside.file),
    ("/requests", requests.show_all),
    ("/requests/new", asking.ask),
    (f"/requests/{ID}", requests.show),
    ("/erasures", erasures.show_all),
    (f"/erasures/{ID}", erasures.show),
    ("/events", happened.show),
)
"""Path and page of everything that is looked at."""
DEEDS: Final[tuple[tuple[str, Page], ...]] = (
    ("/leave", enter.leave),
    (f"/documents/{ID}/fetched", documents.fetched),
    (f"/sent/{ID}/recall", sent.recall),
    (f"/send/{ID}", sending.send),
    (f"/send/{ID}/dropped", sending.drop),
    ("/consents/new", consent_form.write),
    (f"/consents/drafts/{ID}/dropped", invitation.drop),
    (f"/consents/drafts/{ID}/invitation", invitation.send),
    (f"/consents/drafts/{ID}/completion", invitation.finish),
    (f"/consents/{ID}/withdrawal", consents.withdraw),
    (f"/consents/{ID}/receipt", receipt.issue),
    (f"/quarantine/{ID}/release", aside.release),
    (f"/quarantine/{ID}/rejection", aside.reject),
    ("/requests/new", asking.write),
    (f"/erasures/{ID}", erasures.confirm),
)
"""Path and deed of every form without files."""
WITH_FILES: Final[tuple[tuple[str, Page], ...]] = (
    ("/send", sending.put_together),
    (f"/consents/drafts/{ID}", consent_form.record),
)
"""The same of those with files: their bodies are read part by part, by the deed itself."""


def add(app: web.Application) -> None:
    """Serve the pages of the offices in `app`: beside their API, on the same address."""
    shell, sessions = make_shell(), Sessions(app[OFFICES], time.monotonic)
    app[SHELL], app[SESSIONS] = shell, sessions
    app.middlewares.insert(0, as_page)
    app.router.add_get("/enter", enter.ask)
    app.router.add_post("/enter", enter.enter)
    for path, page in PAGES:
        app.router.add_get(path, looked_at(page))
    for path, deed in DEEDS:
        app.router.add_post(path, done(deed))
    for path, deed in WITH_FILES:
        app.router.add_post(path, done(deed, files=True))
    for asset in shell.assets.values():
        app.router.add_get(asset.path, asset.answer)

    async def end_sessions(_app: web.Application) -> None:
        sessions.close()

    app.on_cleanup.append(end_sessions)


def looked_at(page: Page) -> Handler:
    """Return what answers a GET: the page of whoever has entered, or the way to the entrance."""

    async def handle(request: web.Request) -> web.StreamResponse:
        visit = _visit(request, parsed(request.rel_url.raw_query_string.encode()))
        if visit is None:
            return _to_entrance()
        if (chosen := visit.fields.one("lang")) in USUAL:
            visit.session.lang = chosen
        return await _or_trouble(page, visit)

    return handle


def done(deed: Page, *, files: bool = False) -> Handler:
    """Return what answers a POST: nothing is done that no page of this session has sent.

    Args:
        deed: to do.
        files: whether the deed reads the body itself, and asks for the session's secret first.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        forms.check_origin(request)
        visit = _visit(request, Fields())
        if visit is None:
            return _to_entrance()
        if not files:
            visit = _visit(request, await forms.read(request, visit.session))
        return _to_entrance() if visit is None else await _or_trouble(deed, visit)

    return handle


def _visit(request: web.Request, fields: Fields) -> Visit | None:
    session = request.app[SESSIONS].find(request.cookies.get(COOKIE, ""))
    if session is None:
        return None
    speaks_for(request, session.office)
    return Visit(request=request, session=session, shell=request.app[SHELL], fields=fields)


async def _or_trouble(page: Page, visit: Visit) -> web.StreamResponse:
    try:
        return await page(visit)
    except ExchangeError as error:
        return trouble(visit, error)


def _to_entrance() -> web.Response:
    return web.Response(status=303, headers={"Location": "/enter"})
