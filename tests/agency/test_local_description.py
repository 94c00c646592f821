"""The description of the local API: current, valid, and each operation served."""

import json

from aiohttp import web
from openapi_spec_validator import validate

from exchange.agency.http.app import build
from exchange.agency.http.keys import STOPPING
from exchange.serving.docs import FILES
from exchange.wire.local_routes import OPERATIONS
from tests.agency.local import local_api
from tests.agency.network import SENDER, Network
from tests.house import openapi


def test_the_committed_description_is_the_one_the_routes_say() -> None:
    assert openapi.LOCAL.read_text("utf-8") == openapi.local(), "run: make openapi"


async def test_the_served_description_is_valid_and_complete(network: Network) -> None:
    async with local_api(network, SENDER) as local:
        async with local.session.get(f"{local.origin}/openapi.json") as answer:
            described = json.loads(await answer.read())
        async with local.session.get(f"{local.origin}/docs") as page:
            assert page.status == 200
            assert "connect-src 'self'" in page.headers["Content-Security-Policy"]

    validate(described)
    served = {
        (method.upper(), path) for path, methods in described["paths"].items() for method in methods
    }
    assert served == {(one.method, one.path) for one in OPERATIONS}


async def test_every_operation_has_exactly_one_handler_and_nothing_else_is_served() -> None:
    app: web.Application = build([])

    bound = [
        (route.method, route.resource.canonical) for route in app.router.routes() if route.resource
    ]

    described = [(one.method, one.path) for one in OPERATIONS]
    described += [("GET", path) for path in ("/openapi.json", *FILES)]
    assert sorted(bound) == sorted(described)
    assert not app[STOPPING].is_set()
