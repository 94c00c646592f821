"""A13: JSON in disguise, and JSON that two readers would read differently."""

import pytest

from exchange.wire import problems
from tests.attacks.served import CANARY, Served, check_problem

pytestmark = pytest.mark.http

GOOD = (
    b'{"consent":"' + b"A" * 43 + b'","recipients":["jobcentre-a"],"purpose":"housing-loss",'
    b'"category":"rent-arrears-letter","secrecy":"professional","exp":1}'
)


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "application/json; charset=utf-16",
        "application/json; charset=rot13",
        "application/json; charset=utf-7",
        "application/json; charset=idna",
        f"application/json; charset={CANARY}",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; boundary=a",
        "application/json, text/plain",
        "application/jsonp",
        "application/problem+json",
        "*/*",
    ],
)
def test_another_media_type_or_charset_is_refused(hub: Served, kind: str) -> None:
    lines = (hub.token(), f"Content-Type: {kind}")

    hub.refused(hub.post("/v1/decisions", GOOD, *lines), 415)


def test_no_media_type_is_refused(hub: Served) -> None:
    hub.refused(hub.post("/v1/decisions", GOOD, hub.token()), 415)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"[" * 9 + b"]" * 9,
        b'{"a":1,"a":1}',
        GOOD[:-1] + b',"exp":2}',
        GOOD[:-1] + b',"\\u0065xp":2}',
        GOOD[:-2] + b"1.0}",
        GOOD[:-2] + b"1e3}",
        GOOD[:-2] + b"-0.0}",
        GOOD[:-2] + b"NaN}",
        GOOD[:-2] + b"Infinity}",
        GOOD[:-2] + b"9007199254740993}",
        GOOD[:-2] + b"1" * 5000 + b"}",
        GOOD[:-2] + b'"1"}',
        GOOD[:-2] + b"true}",
        GOOD[:-2] + b"null}",
        GOOD[:-2] + b"01}",
        GOOD + b"{}",
        GOOD + b"\x00",
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD.decode().encode("utf-32"),
        GOOD.replace(b"housing-loss", b"\xff\xfe"),
        GOOD.replace(b"housing-loss", b"\\ud800"),
        GOOD.replace(b"housing-loss", b"\xed\xa0\x80"),
        GOOD.replace(b"housing-loss", b"\xc0\xaf"),
        GOOD.replace(b"housing-loss", b"a\nb"),
        GOOD.replace(b"housing-loss", b"a\x00b"),
        GOOD.replace(b"housing-loss", b"\\u0000"),
        GOOD.replace(b"housing-loss", CANARY.encode()),
        GOOD.replace(b'"purpose"', f'"{CANARY}"'.encode()),
        GOOD.replace(b'["jobcentre-a"]', b'{"0":"jobcentre-a"}'),
        GOOD.replace(b'["jobcentre-a"]', b"[" + b",".join([b'"a-b"'] * 33) + b"]"),
        GOOD.replace(b'"', b"'"),
        b"// a\n" + GOOD,
        b"[]",
        b'"text"',
        b"null",
        b"1",
        b"\xff" * 1000,
        b"<a/>",
    ],
    ids=range(42),
)
def test_what_a_strict_reader_does_not_read_is_malformed(hub: Served, body: bytes) -> None:
    with hub.no_trace():
        reply = hub.ask(
            hub.post("/v1/decisions", body, hub.token(), "Content-Type: application/json")
        )

    assert reply.status == 400, reply.raw
    assert reply.json["type"] == problems.TYPE_PREFIX + "malformed-request"
    check_problem(reply, body=reply.body)


def test_the_same_question_read_strictly_reaches_the_gate(hub: Served) -> None:
    lines = (hub.token(), "Content-Type: application/json; charset=utf-8")

    assert hub.ask(hub.post("/v1/decisions", GOOD, *lines)).status == 403


def test_a_body_shorter_than_announced_is_malformed(hub: Served) -> None:
    sent = hub.post(
        "/v1/decisions", GOOD, hub.token(), "Content-Type: application/json", length=len(GOOD) + 5
    )
    with hub.no_trace(), hub.line() as line:
        line.send(sent)
        line.socket.shutdown(1)
        try:
            assert line.reply().status == 400
        except ConnectionError:
            return  # hung up on us: as good
