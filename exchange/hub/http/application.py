"""The hub's HTTP application: every route, its handler and the layers around them."""

from collections.abc import Mapping

from aiohttp import web

from exchange.hub.http.agencies import directory_routes
from exchange.hub.http.agreements import agreement_routes
from exchange.hub.http.audit import audit_routes_bound
from exchange.hub.http.call import FRONT, Front
from exchange.hub.http.consents import consent_routes
from exchange.hub.http.disclosures import disclosure_routes
from exchange.hub.http.drafts import draft_routes
from exchange.hub.http.erasures import erasure_routes
from exchange.hub.http.figures import figure_routes
from exchange.hub.http.health import get_healthz, get_readyz
from exchange.hub.http.inbox import inbox_routes
from exchange.hub.http.log import entry_routes, open_routes, pattern
from exchange.hub.http.officer_files import file_routes
from exchange.hub.http.officers import officer_routes_bound
from exchange.hub.http.papers import paper_routes
from exchange.hub.http.payload import payload_routes
from exchange.hub.http.requests import request_routes
from exchange.hub.http.token import post_token
from exchange.hub.http.uploads import VERSION, upload_routes
from exchange.hub.officers.oidc import BACK
from exchange.hub.signer import ROUTE
from exchange.serving.binding import Handler
from exchange.serving.docs import add_docs, description
from exchange.serving.middleware import (
    Manner,
    goodbye,
    problem_middleware,
    route_of,
    security_headers,
)
from exchange.wire import routes
from exchange.wire.routes import Operation

LOGGER = "exchange.hub.http"
"""Names the log lines of requests."""


def application(front: Front) -> web.Application:
    """Return the application that serves `front`; it starts no loops and opens no files."""
    manner = Manner(
        hosts=front.hosts, logger=LOGGER, led_to=frozenset({BACK}), count=front.traffic.count
    )
    app = web.Application(
        middlewares=[problem_middleware(manner)],
        client_max_size=1,
    )
    app[FRONT] = front
    app.on_response_prepare.append(security_headers)
    app.on_response_prepare.append(_speak_tus)

    async def end_polls(_app: web.Application) -> None:
        front.hub.news.end()

    app.on_shutdown.append(end_polls)

    app.on_response_prepare.append(goodbye(lambda: front.hub.news.over))
    for bound in (
        directory_routes(),
        agreement_routes(),
        consent_routes(),
        paper_routes(),
        draft_routes(),
        disclosure_routes(),
        upload_routes(front.hub.rules.max_size),
        inbox_routes(),
        payload_routes(),
        request_routes(),
        erasure_routes(),
        entry_routes(),
        officer_routes_bound(),
        file_routes(),
        figure_routes(),
        audit_routes_bound(),
    ):
        _add(app, bound.bound)
    # The routes that name no agency: each has an authenticator of its own, or tells nothing.
    _add(app, open_routes(front))
    _add_log(app, front)
    app.router.add_route(routes.TOKEN.method, routes.TOKEN.path, post_token)
    app.router.add_route(routes.HEALTHZ.method, routes.HEALTHZ.path, get_healthz)
    app.router.add_route(routes.READYZ.method, routes.READYZ.path, get_readyz)
    add_docs(app, description("openapi.json"))
    return app


def _add_log(app: web.Application, front: Front) -> None:
    """Serve the files of the log below its own name as well, where that is not `/log`."""
    prefix = "/" + front.hub.signer.origin.partition("/")[2]
    if prefix != ROUTE:
        for operation, handler in open_routes(front).items():
            path = prefix + pattern(operation).removeprefix(ROUTE)
            app.router.add_route(operation.method, path, handler)


def _add(app: web.Application, bound: Mapping[Operation, Handler]) -> None:
    for operation, handler in bound.items():
        app.router.add_route(operation.method, pattern(operation), handler)


async def _speak_tus(request: web.Request, answer: web.StreamResponse) -> None:
    """Name the version of tus on every answer of an upload, also on 404, 405 and 413."""
    if route_of(request) == routes.UPLOAD.path:
        answer.headers["Tus-Resumable"] = VERSION
