"""A11: a body larger than its limit, with and without an announced length.

`client_max_size` guards aiohttp's own readers only, so every reader of ours counts.
"""

import time

import pytest

from exchange import canonical
from exchange.errors import TooLarge
from exchange.wire import problems, routes
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import Operation
from tests.attacks.served import PATIENCE_S, Served, check_problem
from tests.simulator import RECIPIENT

pytestmark = pytest.mark.http

MEBI = 1024 * 1024
ID = "06060606-0606-4606-8606-06060606060a"


def bodied() -> list[Operation]:
    return [operation for operation in OPERATIONS if operation.body is not None]


def large(limit: int) -> bytes:
    return canonical.encode(problems.to_problem(TooLarge(f"more than {limit} bytes")))


@pytest.mark.parametrize("operation", bodied(), ids=lambda one: one.name)
def test_an_announced_length_above_the_limit_is_refused_unread(
    hub: Served, operation: Operation
) -> None:
    agency = "women-b"
    path = operation.path.replace("{id}", agency if "agencies" in operation.path else ID)
    lines = (hub.token(agency), "Content-Type: application/json")
    size = operation.body_limit + 1
    sent = hub.head(f"{operation.method} {path} HTTP/1.1", *lines, f"Content-Length: {size}")

    with hub.no_trace():
        reply = hub.ask(sent)

    assert reply.status == 413
    check_problem(reply, body=large(operation.body_limit))


@pytest.mark.parametrize(
    ("path", "kind", "limit"),
    [
        ("/v1/decisions", routes.JSON, routes.JSON_LIMIT),
        ("/v1/consents", routes.JSON, routes.LARGE_STATEMENT_LIMIT),
        ("/v1/disclosures", routes.MANIFEST, routes.MANIFEST_LIMIT),
        ("/oauth2/token", routes.FORM, 8192),
    ],
)
def test_reading_stops_at_the_limit_of_a_body_without_length(
    hub: Served, path: str, kind: str, limit: int
) -> None:
    lines = (hub.token(), f"Content-Type: {kind}", "Transfer-Encoding: chunked")
    chunk = b"4000\r\n" + b"[" * 0x4000 + b"\r\n"

    with hub.no_trace(), hub.line() as line:
        line.send(hub.head(f"POST {path} HTTP/1.1", *lines), *[chunk] * (limit // 0x4000 + 2))
        reply = line.reply()  # before the body has ended

    assert reply.status == 413
    assert b"more than" in reply.body


def test_a_manifest_line_without_end_is_refused_at_its_limit(hub: Served) -> None:
    lines = (hub.token(), f"Content-Type: {routes.DISCLOSURE}", "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"

    with hub.no_trace(), hub.line() as line:
        line.send(hub.head("POST /v1/disclosures HTTP/1.1", *lines), chunk)
        reply = line.reply()

    assert reply.status == 413


def test_a_sealed_document_larger_than_its_manifest_says_is_not_stored(hub: Served) -> None:
    letter = hub.sim.letter(hub.do(hub.sim.consent()).digest)
    lines = (hub.token(), f"Content-Type: {routes.DISCLOSURE}")
    body = letter.one_shot + b"x"

    exact = hub.post("/v1/disclosures", body, *lines)
    chunked = hub.head("POST /v1/disclosures HTTP/1.1", *lines, "Transfer-Encoding: chunked")
    pieces = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"

    assert [hub.ask(exact).status, hub.ask(chunked + pieces).status] == [400, 413]
    assert hub.do(hub.sim.call(RECIPIENT, routes.GET_DISCLOSURE, id=letter.id)).status == 404


def test_megabytes_after_a_refusal_cost_no_answer_and_little_time(hub: Served) -> None:
    begun = time.monotonic()

    with hub.line() as line:
        line.send(
            hub.head("POST /v1/decisions HTTP/1.1", f"Content-Length: {3 * MEBI}"),
            bytes(3 * MEBI),
        )
        reply = line.reply()

    assert reply.status == 401
    assert time.monotonic() - begun < PATIENCE_S
