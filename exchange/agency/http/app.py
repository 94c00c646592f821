"""The local application of a gateway: every route, its handler and the layers around them."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from exchange.agency.advice import ADVICE, NOT_COVERED
from exchange.agency.http.bounds import Bounds
from exchange.agency.http.consents import consent_routes
from exchange.agency.http.disclosures import disclosure_routes
from exchange.agency.http.documents import document_routes
from exchange.agency.http.erasures import erasure_routes
from exchange.agency.http.events import event_routes
from exchange.agency.http.keys import BOUNDS, OFFICES, STOPPING, Offices
from exchange.agency.http.papers import paper_routes
from exchange.agency.http.quarantine import quarantine_routes
from exchange.agency.http.requests import request_routes
from exchange.agency.http.sites import own_site_only
from exchange.agency.http.status import status_routes
from exchange.agency.office import Office
from exchange.serving.docs import add_docs, description
from exchange.serving.given import rendered
from exchange.serving.middleware import Manner, goodbye, problem_middleware, security_headers
from exchange.wire import local_routes, shapes
from exchange.wire.local_problems import to_problem

LOGGER = "exchange.agency.http"
"""Names the log lines of requests."""


def build(offices: Sequence[Office]) -> web.Application:
    """Return the application that serves `offices`, all listening at one address.

    Starts no loops and opens no files. Pages for people are added by whoever serves it
    (`exchange.agency.pages`), before it is served.
    """
    told = partial(to_problem, advice={**ADVICE, **NOT_COVERED})
    manner = Manner(hosts=_hosts(offices), logger=LOGGER, problem=told)
    app = web.Application(
        middlewares=[problem_middleware(manner), own_site_only], client_max_size=1
    )
    app[OFFICES] = Offices(offices)
    app[BOUNDS] = Bounds()
    app[STOPPING] = asyncio.Event()
    app.on_response_prepare.append(security_headers)
    app.on_response_prepare.append(goodbye(app[STOPPING].is_set))
    app.on_shutdown.append(_stop_waiting)
    for routes in (
        status_routes(),
        event_routes(),
        document_routes(),
        quarantine_routes(),
        disclosure_routes(),
        consent_routes(),
        paper_routes(),
        request_routes(),
        erasure_routes(),
    ):
        for operation, handler in routes.bound.items():
            app.router.add_route(operation.method, operation.path, handler)
    app.router.add_route(local_routes.HEALTHZ.method, local_routes.HEALTHZ.path, _get_healthz)
    add_docs(app, description("local_openapi.json"))
    return app


def _hosts(offices: Sequence[Office]) -> frozenset[str]:
    """Return the names under which this machine is asked: a foreign one leads here by rebinding."""
    found = set[str]()
    for office in offices:
        address = office.gateway.settings.api.address
        if address is not None:
            host, port = address
            literal = f"[{host}]" if ":" in host else host
            found |= {f"{name}:{port}" for name in (literal, "localhost", "127.0.0.1", "[::1]")}
    return frozenset(found)


async def _stop_waiting(app: web.Application) -> None:
    app[STOPPING].set()


async def _get_healthz(_request: web.Request) -> web.Response:
    """Say that the process answers: 200."""
    return rendered(local_routes.HEALTHZ, shapes.Health(status="ok"))
