"""A18: ranges that overlap, reverse or reach beyond. No answer is larger than the payload."""

import pytest

from exchange.wire import routes
from tests.attacks.served import Reply, Served, check_problem
from tests.simulator import RECIPIENT, Letter

pytestmark = pytest.mark.http


@pytest.fixture(scope="module")
def letter(serving: Served) -> Letter:
    return serving.do(serving.sim.sent())


def asked(hub: Served, letter: Letter, *lines: str) -> Reply:
    path = routes.PAYLOAD_OF.path.replace("{id}", letter.id)
    return hub.ask(hub.head(f"GET {path} HTTP/1.1", hub.token(RECIPIENT), *lines))


@pytest.mark.parametrize(
    "value",
    [
        "bytes=0-0,2-3",
        "bytes=0-,0-,0-,0-,0-",
        "bytes=" + ",".join(["0-"] * 1000),
        "bytes=0-10,5-15",
        "bytes=10-5",
        "bytes=-",
        "bytes=",
        "bytes",
        "=0-1",
        "bits=0-1",
        "bytes = 0-1",
        "bytes=0 - 1",
        "bytes=+0-1",
        "bytes=0x0-1",
        "bytes=0-1;q=1",
        "bytes=a-b",
        "bytes=--1",
        "bytes=\xb2-\xb3",
        "bytes=0-99999999999999999999999999",
        "BYTES=0-1",
    ],
)
def test_what_is_not_one_range_gets_the_whole(hub: Served, letter: Letter, value: str) -> None:
    reply = asked(hub, letter, f"Range: {value}")

    assert reply.status == 200
    assert reply.body == letter.payload


@pytest.mark.parametrize(
    ("value", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=5-", 5, None),
        ("bytes=-7", -7, None),
        ("bytes=-999999", 0, None),
        ("bytes=0-18446744073709551616", 0, None),
        ("bytes=0-999999999999", 0, None),
    ],
)
def test_one_range_is_cut_to_the_payload(
    hub: Served, letter: Letter, value: str, first: int, end: int | None
) -> None:
    reply = asked(hub, letter, f"Range: {value}")

    if reply.status == 200:  # more digits than a number of ours has: not a range
        assert reply.body == letter.payload
        return
    assert reply.status == 206
    assert reply.body == letter.payload[first:end]
    assert reply.header("Content-Length") == str(len(reply.body))


@pytest.mark.parametrize(
    "value", ["bytes={size}-", "bytes={size}-{size}", "bytes=9999999999-", "bytes=-0"]
)
def test_a_range_outside_is_416(hub: Served, letter: Letter, value: str) -> None:
    size = str(len(letter.payload))

    reply = asked(hub, letter, f"Range: {value.replace('{size}', size)}")

    assert reply.status == 416
    assert reply.header("Content-Range") == f"bytes */{size}"
    check_problem(reply)


@pytest.mark.parametrize("value", ['"other"', 'W/"other"', "Sun, 22 Nov 2026 06:00:00 GMT", "x"])
def test_a_range_of_another_version_gets_the_whole(hub: Served, letter: Letter, value: str) -> None:
    reply = asked(hub, letter, "Range: bytes=0-1", f"If-Range: {value}")

    assert reply.status == 200
    assert reply.body == letter.payload


def test_a_condition_that_fails_is_412(hub: Served, letter: Letter) -> None:
    reply = asked(hub, letter, 'If-Match: "other"')

    assert reply.status == 412
    check_problem(reply)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/swagger-ui.css", "/v1/inbox", "/healthz"])
def test_nothing_but_payloads_has_ranges(hub: Served, path: str) -> None:
    reply = hub.ask(hub.head(f"GET {path} HTTP/1.1", hub.token(), "Range: bytes=0-1"))

    assert reply.status == 200


def test_the_first_byte_of_a_payload_is_not_the_header(hub: Served, letter: Letter) -> None:
    assert asked(hub, letter, "Range: bytes=0-20").body not in letter.header
