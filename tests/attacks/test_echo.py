"""A10: what the parser refuses is neither repeated in the answer nor in the log."""

import pytest

from tests.attacks.served import CANARY, Served

pytestmark = pytest.mark.http


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"{CANARY}\r\n\r\n", 400),
        (f"{CANARY} /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (f"GET /{CANARY} HTTP/{CANARY}\r\nHost: a\r\n\r\n", 400),
        (f"GET / HTTP/1.1\r\n{CANARY}\r\n\r\n", 400),
        (f"GET / HTTP/1.1\r\n{CANARY} : a\r\n\r\n", 400),
        (f"GET / HTTP/1.1\r\nHost: a\r\nX: {CANARY}\x00\r\n\r\n", 400),
        (f"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {CANARY}\r\n\r\n", 400),
        (f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {CANARY * 1000}\r\n\r\n", 431),
        (f"GET /{CANARY * 1000} HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (f"GET / HTTP/1.1\r\nHost: a\r\n{CANARY * 1000}: a\r\n\r\n", 431),
    ],
)
def test_a_refusal_of_the_parser_is_one_constant_body_and_one_line(
    hub: Served, sent: str, status: int
) -> None:
    before = len(hub.log)

    hub.refused(sent.encode("latin-1"), status, closed=True)

    (line,) = hub.log[before:]
    assert line.keys() == {"event", "level", "logger", "status", "timestamp"}
    assert (line["event"], line["status"]) == ("unreadable", status)


def test_no_answer_names_our_software(hub: Served) -> None:
    for first in ("GET /healthz HTTP/1.1", "GET /nothing HTTP/1.1", "BREW / HTTP/1.1", "GET"):
        reply = hub.ask(hub.head(first))

        assert reply.header("Server") == "exchange"
        assert not any(name in reply.raw.lower() for name in (b"aiohttp", b"python/", b"cpython"))


def test_chunks_that_break_late_are_refused_without_echo(hub: Served) -> None:
    lines = (hub.token(), "Content-Type: application/json", "Transfer-Encoding: chunked")
    sent = hub.head("POST /v1/decisions HTTP/1.1", *lines) + b"5\r\nabcde\r\n" + CANARY.encode()

    hub.refused(sent + b"\r\n", 400, closed=True)
