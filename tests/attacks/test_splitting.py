"""A19: line breaks in what could reach a header of ours."""

import pytest

from exchange.wire import routes
from tests.attacks.served import CANARY, Served
from tests.simulator import SENDER

pytestmark = pytest.mark.http

BREAKS = ["%0d%0a", "%0a", "%0d", "%00", "%c4%8d%c4%8a", "%e5%98%8a%e5%98%8d"]
SET = f"Set-Cookie:%20a={CANARY}"


@pytest.mark.parametrize("found", BREAKS)
@pytest.mark.parametrize(
    "path",
    [
        "/v1/disclosures/{}/upload",
        "/v1/disclosures/{}/payload",
        "/v1/agencies/{}",
        "/docs/{}",
        "/{}",
    ],
)
def test_a_break_in_a_path_reaches_no_header(hub: Served, path: str, found: str) -> None:
    hub.refused(hub.head(f"GET {path.format(found + SET)} HTTP/1.1", hub.token()), 404)


@pytest.mark.parametrize("found", BREAKS)
def test_a_break_in_a_query_reaches_no_header(hub: Served, found: str) -> None:
    with hub.no_trace():
        reply = hub.ask(hub.head(f"GET /v1/inbox?after={found}{SET} HTTP/1.1", hub.token()))

    assert reply.status == 400
    assert CANARY.encode() not in reply.raw


@pytest.mark.parametrize(
    "line",
    [
        f"Idempotency-Key: {CANARY}\xe4",
        f"Idempotency-Key: {CANARY} a",
        f"Idempotency-Key: {CANARY}\x7f",
        f"Idempotency-Key: {CANARY * 20}",
        "Idempotency-Key: ",
        'Idempotency-Key: ""',
    ],
)
def test_a_key_with_other_characters_is_malformed(hub: Served, line: str) -> None:
    path = routes.COLLECT.path.replace("{id}", "06060606-0606-4606-8606-06060606060a")
    sent = hub.head(f"POST {path} HTTP/1.1", hub.token(), line, "Content-Length: 0")

    with hub.no_trace():
        reply = hub.ask(sent)

    assert reply.status == 400
    assert CANARY.encode() not in reply.raw


@pytest.mark.parametrize("value", ["\x85a", "a\x0bb", "a\x0cb", "\xff", "\xe2\x80\xa8a"])
def test_odd_bytes_in_headers_are_neither_repeated_nor_logged(hub: Served, value: str) -> None:
    with hub.no_trace():
        reply = hub.ask(hub.head("GET /healthz HTTP/1.1", f"X-Mark: {CANARY}{value}"))

    assert reply.status in {200, 400}
    assert CANARY.encode() not in reply.raw


def test_headers_of_an_upload_are_built_from_ids_and_numbers(hub: Served) -> None:
    letter = hub.sim.letter(hub.do(hub.sim.consent()).digest)
    announced = hub.do(
        hub.sim.call(
            SENDER,
            routes.DISCLOSE,
            body=letter.manifest,
            headers={"Content-Type": routes.MANIFEST},
        )
    )
    assert announced.status == 201
    path = routes.UPLOAD.path.replace("{id}", letter.id)
    lines = (
        hub.token(),
        "Tus-Resumable: 1.0.0",
        f"Upload-Length: {len(letter.sealed)}",
        f"Upload-Metadata: filename {CANARY}",
    )

    reply = hub.ask(hub.head(f"POST {path} HTTP/1.1", *lines, "Content-Length: 0"))

    assert reply.status == 201
    assert reply.header("Location") == hub.sim.origin + path
    assert CANARY.encode() not in reply.raw
