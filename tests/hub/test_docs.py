"""GET /openapi.json and /docs: current, complete, offline."""

import json
import re

import pytest
from openapi_spec_validator import validate

from exchange.agency.auditor_calls import AuditorCalls
from exchange.agency.client import HubClient
from exchange.agency.log_calls import LogCalls
from exchange.agency.officer_calls import OfficerCalls
from exchange.hub.http import uploads
from exchange.hub.pages.assets import read_assets
from exchange.hub.pages.site import PAGES
from exchange.serving.docs import FILES
from exchange.wire import log_routes, routes
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import Operation
from tests import officer
from tests.house import openapi
from tests.simulator import Simulator

DESCRIPTION = Operation(
    name="description", method="GET", path="/openapi.json", summary="", authenticated=False
)
NEVER_ASKED = {"log_policy", "log_policy_pq"}
"""What no gateway asks the hub for: whom it trusts, it knows from elsewhere."""
LOG_CALLS = {
    "log_checkpoint": "checkpoint",
    "log_candidate": "candidate",
    "log_tile": "tile",
    "log_entries": "bundle",
    "log_document": "document",
    "log_receipt": "receipt",
    "log_openings": "openings",
    "log_tombstones": "every_tombstone",
    "log_tombstone": "tombstone",
    "log_cosignatures": "hand_in",
}
"""The method that asks for each operation of the log."""
TUS = (uploads.CREATE, uploads.OFFSET, uploads.OPTIONS)


def page(path: str) -> Operation:
    return Operation(name="page", method="GET", path=path, summary="", authenticated=False)


def test_the_committed_description_is_the_one_the_routes_say() -> None:
    assert openapi.COMMITTED.read_text("utf-8") == openapi.current(), "run: make openapi"


async def test_the_served_description_is_valid_and_complete(sim: Simulator) -> None:
    answer = await sim.call(None, DESCRIPTION)

    described = json.loads(answer.body)
    validate(described)
    served = {
        (method.upper(), path) for path, methods in described["paths"].items() for method in methods
    }
    assert served == {(one.method, one.path) for one in OPERATIONS}


async def test_every_operation_has_exactly_one_handler_and_nothing_else_is_served(
    sim: Simulator,
) -> None:
    app = sim.runner.app
    bound = [
        (route.method, route.resource.canonical) for route in app.router.routes() if route.resource
    ]
    described = [(one.method, one.path) for one in (*OPERATIONS, *TUS)]
    described += [("GET", path) for path in ("/openapi.json", *FILES)]
    described += [(method, path) for method, path, _ in PAGES]
    described += [("GET", path) for path in ("/p", *(one.path for one in read_assets().values()))]

    described += officer.served()

    assert sorted(bound) == sorted(described)


def test_every_operation_has_a_method_of_the_client() -> None:
    of_the_log = {name for name, method in LOG_CALLS.items() if hasattr(LogCalls, method)}
    source = of_the_log | set(dir(HubClient)) | set(dir(OfficerCalls)) | set(dir(AuditorCalls))
    ours = {one.name for one in OPERATIONS} - {"token", "healthz", "readyz", "upload"}

    assert ours - NEVER_ASKED <= source, ours - source


@pytest.mark.parametrize("path", FILES)
async def test_the_browser_of_the_api_is_served_under_a_strict_policy(
    sim: Simulator, path: str
) -> None:
    answer = await sim.call(None, page(path))

    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    if path == "/docs":
        linked = re.findall(rb'(?:src|href)="([^"]+)"', answer.body)
        assert linked
        linked.remove(b"data:,")  # no icon, and no request for one
        assert all(link.startswith(b"/") for link in linked)
        assert {link.decode() for link in linked} <= FILES.keys() | {"/openapi.json"}


def test_every_route_without_an_agency_is_listed_here() -> None:
    assert {one for one in OPERATIONS if not one.authenticated} == {
        routes.TOKEN,
        routes.HEALTHZ,
        routes.READYZ,
        log_routes.LOG_CHECKPOINT,
        log_routes.LOG_CANDIDATE,
        log_routes.LOG_POLICY,
        log_routes.LOG_POLICY_PQ,
        log_routes.LOG_DOCUMENT,
        log_routes.LOG_TILE,
        log_routes.LOG_COSIGNATURES,
    }
