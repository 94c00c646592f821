"""A3: a head whose end, or whose body's end, two programs could see in different places."""

import pytest

from tests.attacks.served import CANARY, Served

pytestmark = pytest.mark.http

POST = "POST /v1/decisions HTTP/1.1"
GET = "GET /healthz HTTP/1.1"


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 3", "Content-Length: 4"),
        ("Content-Length: 3", "Content-Length: 3"),
        ("Content-Length: 1, 1",),
        ("Content-Length: +3",),
        ("Content-Length: -3",),
        ("Content-Length: 0x3",),
        ("Content-Length: 3.0",),
        ("Content-Length: 3 3",),
        ("Content-Length: 1_0",),
        ("Content-Length: \xb3",),
        ("Content-Length: \xd9\xa3",),
        ("Content-Length: ",),
        ("Content-Length: 99999999999999999999999",),
    ],
)
def test_a_length_that_is_no_plain_number_is_refused_and_closes(
    hub: Served, lines: tuple[str, ...]
) -> None:
    sent = hub.head(POST, hub.token(), f"X-Mark: {CANARY}", *lines) + b"{}\n"

    hub.refused(sent, 400, closed=True)


@pytest.mark.parametrize(
    "size", ["1_0", "0x5", "+5", "-5", " 5", "5 5", "g", "", "5\n", "\xb5", "fffffffffffffffff"]
)
def test_a_chunk_size_that_is_no_plain_number_is_refused_and_closes(hub: Served, size: str) -> None:
    lines = (hub.token(), "Content-Type: application/json", "Transfer-Encoding: chunked")
    sent = hub.head(POST, *lines) + size.encode("latin-1") + b"\r\nabcde\r\n0\r\n\r\n"

    hub.refused(sent, 400, closed=True)


@pytest.mark.parametrize(
    "chunks",
    [
        b"5\nabcde\n0\n\n",
        b"5\r\nabcdefgh\r\n0\r\n\r\n",
        b"5\r\nabcde0\r\n\r\n",
        b"5;\n\r\nabcde\r\n",
    ],
    ids=["bare LF", "longer than it says", "no end", "bare LF in an extension"],
)
def test_chunks_that_do_not_fit_together_are_refused_and_close(hub: Served, chunks: bytes) -> None:
    lines = (hub.token(), "Content-Type: application/json", "Transfer-Encoding: chunked")

    hub.refused(hub.head(POST, *lines) + chunks, 400, closed=True)


@pytest.mark.parametrize(
    "line",
    [
        "X-A : b",
        "X A: b",
        "X-A: b\r\n folded",
        "X-A: b\r\n\tfolded",
        " X-A: b",
        "X-A: b\x00c",
        "X-A\x00: b",
        "X-A: b\rc",
        "X-A: b\nX-B: c",
        ": b",
        "no colon",
        "X-\xc4: b",
        "X-A\x7f: b",
        "X(A): b",
        "X-A: b\x01c",
    ],
)
def test_a_malformed_line_is_refused_and_closes(hub: Served, line: str) -> None:
    hub.refused(hub.head(GET, f"X-Mark: {CANARY}", line), 400, closed=True)


@pytest.mark.parametrize(
    "lines", [(), ("Host: {host}", "Host: {host}"), ("Host: {host}", "Host: evil.example")]
)
def test_no_host_or_two_of_them_are_refused_and_close(hub: Served, lines: tuple[str, ...]) -> None:
    named = [line.replace("{host}", hub.host) for line in lines]

    hub.refused("\r\n".join([GET, *named, "", ""]).encode(), 400, closed=True)


@pytest.mark.parametrize(
    "sent",
    [
        b"KANARI-7f3a9c\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03KANARI-7f3a9c\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET  /healthz  HTTP/1.1\r\n\r\n",
        b"GET\t/healthz\tHTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x00\r\n\r\n",
    ],
    ids=["words", "tls", "short", "blanks", "tabs", "zeros"],
)
def test_what_is_no_request_is_refused_and_closes(hub: Served, sent: bytes) -> None:
    hub.refused(sent, 400, closed=True)


def test_lines_that_end_in_a_bare_lf_are_refused_and_close(hub: Served) -> None:
    sent = f"{GET}\nHost: {hub.host}\n\n".encode()

    hub.refused(sent, 400, closed=True)


def test_nothing_of_a_refused_body_becomes_a_request(hub: Served) -> None:
    smuggled = hub.head("GET /readyz HTTP/1.1")
    sent = hub.head(POST, hub.token(), "Content-Length: 3", "Transfer-Encoding: chunked")

    hub.refused(sent + b"0\r\n\r\n" + smuggled, 400, closed=True)

    assert "/readyz" not in [line.get("route") for line in hub.log]
