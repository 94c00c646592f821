"""A1 to A5, A7 to A10, A15, A16: requests whose head is malformed, ambiguous or too large."""

import pytest

from exchange.wire import problems
from tests.attacks.conftest import head, raw
from tests.simulator import Simulator

MARK = "CANARY-IN-THE-REQUEST"


async def test_a_plain_request_is_answered_and_the_connection_kept(bare: Simulator) -> None:
    answer = await raw(bare, head(bare))

    assert (answer.status, answer.closed) == (200, False)


@pytest.mark.parametrize(
    "sent",
    [
        "GET /healthz HTTP/0.9\r\nHost: {host}\r\n\r\n",
        "GET /healthz HTTP/2.0\r\nHost: {host}\r\n\r\n",
        "POST /v1/consents HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST /v1/consents HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/consents HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST /v1/consents HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/consents HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n"
        "Content-Length: 4\r\n\r\nabc",
        "POST /v1/consents HTTP/1.1\r\nHost: {host}\r\nContent-Length: +5\r\n\r\nabcde",
        "POST /v1/consents HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1, 1\r\n\r\na",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-A : b\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-A: b\r\n folded\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-A: b\x00c\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\n: b\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\nabcde",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nX_Forwarded_For: 10.0.0.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer a\r\n"
        "Authorization: Bearer b\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nRange: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n",
        MARK + "\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + MARK + "\r\n\r\n",
    ],
)
async def test_bad_framing_is_one_constant_400_and_closes(bare: Simulator, sent: str) -> None:
    text = sent.replace("{host}", f"127.0.0.1:{bare.port}")

    answer = await raw(bare, text.encode("latin-1"))

    assert (answer.status, answer.closed) == (400, True)
    assert answer.problem == problems.http_problem(400)
    assert MARK.encode() not in answer.text
    assert b"aiohttp" not in answer.text.lower()


@pytest.mark.parametrize(
    "sent",
    [
        "GET http://evil.example/healthz HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: user@{host}\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: \r\n\r\n",
    ],
)
async def test_another_host_is_misdirected(bare: Simulator, sent: str) -> None:
    answer = await raw(bare, sent.replace("{host}", f"127.0.0.1:{bare.port}").encode())

    assert answer.status == 421
    assert b"evil" not in answer.text


@pytest.mark.parametrize(
    "target",
    [
        "/v1/disclosures/%2e%2e",
        "/v1/disclosures/a%2fb",
        "/v1/disclosures/%00",
        "/v1/disclosures/%252f",
        "/v1/disclosures/a;b",
        "/v1/disclosures/%ff",
        "/healthz%20",
        "/" + "a" * 600,
        "/v1/disclosures/00000000-0000-1000-8000-000000000000",
        "/v1/disclosures/06060606-0606-4606-8606-06060606060A",
    ],
)
async def test_a_path_that_no_id_can_have_does_not_exist(bare: Simulator, target: str) -> None:
    token = f"Authorization: Bearer {bare.token('women-b')}"

    answer = await raw(bare, head(bare, token, target=target))

    assert answer.status == 404
    assert answer.problem["type"].endswith(":not-found")


@pytest.mark.parametrize(
    "query",
    ["limit=1&limit=2", "unknown=1", "limit=%zz", "limit=", "limit=0", "limit=201", "wait=31",
     "limit", "after=" + "a" * 65, "limit=1&" + "a" * 3000],
)  # fmt: skip
async def test_a_query_is_exact(bare: Simulator, query: str) -> None:
    token = f"Authorization: Bearer {bare.token('women-b')}"

    answer = await raw(bare, head(bare, token, target="/v1/inbox?" + query))

    assert answer.status == 400


async def test_too_many_header_bytes_or_lines_are_431(bare: Simulator) -> None:
    many = [f"X-A{n}: b" for n in range(80)]
    large = [f"X-A{n}: {'b' * 8000}" for n in range(5)]
    long = "X-A: " + MARK * 500

    answers = [await raw(bare, head(bare, *lines)) for lines in (many, large, [long])]

    assert [answer.status for answer in answers] == [431, 431, 431]
    assert all(answer.closed and MARK.encode() not in answer.text for answer in answers)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "get", "PROPFIND", "DELETE"])
async def test_other_methods_are_refused(bare: Simulator, method: str) -> None:
    answer = await raw(bare, head(bare, "Connection: close", method=method))

    assert answer.status in {400, 404, 405, 421}
    assert answer.closed


async def test_nothing_upgrades_a_connection(bare: Simulator) -> None:
    for upgrade in ("websocket", "h2c"):
        answer = await raw(bare, head(bare, "Connection: Upgrade", f"Upgrade: {upgrade}"))
        assert answer.status == 200
    strange = await raw(bare, head(bare, "Expect: the-unexpected"))
    assert strange.status == 417


async def test_forwarded_addresses_of_strangers_are_ignored(bare: Simulator) -> None:
    answer = await raw(bare, head(bare, "X-Forwarded-For: 10.9.9.9", "Forwarded: for=10.9.9.9"))

    assert answer.status == 200
