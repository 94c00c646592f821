"""A7: a query that two programs could read differently, or that says more than we know."""

import pytest

from exchange.wire import problems, routes
from tests.attacks.served import CANARY, Served, check_problem

pytestmark = pytest.mark.http


@pytest.mark.parametrize(
    "query",
    [
        "limit=1&limit=2",
        "limit=1&limit=1",
        f"unknown={CANARY}",
        f"{CANARY}=1",
        "limit=%zz",
        "limit=%31",
        "limit=1;wait=0",
        "limit[]=1",
        "limit=",
        "limit",
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=1.0",
        "limit=1e1",
        "limit=+1",
        "wait=31",
        "&",
        "&&limit=1",
        "limit=1&",
        "=1",
        "after=" + "a" * 65,
        "after=a/b",
        "after=",
        "limit=1?wait=0",
        "limit=1&" + "a" * 3000,
        "access_token=abc",
    ],
)
def test_a_query_is_exact(hub: Served, query: str) -> None:
    sent = hub.head(f"GET /v1/inbox?{query} HTTP/1.1", hub.token())

    with hub.no_trace():
        reply = hub.ask(sent)

    assert reply.status == 400, reply.raw
    assert reply.json["type"] == problems.TYPE_PREFIX + "malformed-request"
    check_problem(reply, body=reply.body)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs"])
def test_a_public_route_has_no_parameters(hub: Served, path: str) -> None:
    with hub.no_trace():
        assert hub.ask(hub.head(f"GET {path}?a=%zz HTTP/1.1")).status == 400


@pytest.mark.parametrize("operation", [routes.DECIDE, routes.COLLECT, routes.PAYLOAD_OF])
def test_a_route_without_parameters_takes_none(hub: Served, operation: routes.Operation) -> None:
    path = operation.path.replace("{id}", "06060606-0606-4606-8606-06060606060a")
    sent = hub.head(f"{operation.method} {path}?a=b HTTP/1.1", hub.token(), "Content-Length: 0")

    with hub.no_trace():
        assert hub.ask(sent).status == 400


def test_a_misspelt_parameter_is_named_and_a_foreign_name_is_not(hub: Served) -> None:
    misspelt = hub.ask(hub.head("GET /v1/inbox?wiat=3 HTTP/1.1", hub.token()))
    foreign = hub.ask(hub.head("GET /v1/inbox?Wait=3 HTTP/1.1", hub.token()))

    assert misspelt.json["detail"] == "unknown member wiat"
    assert foreign.json["detail"] == "unknown member"
