"""A2: a transfer coding that two programs could read differently."""

import pytest

from tests.attacks.served import CANARY, Served

pytestmark = pytest.mark.http

CHUNKS = b"5\r\nabcde\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("version", "coding"),
    [
        ("1.1", "gzip, chunked"),
        ("1.1", "chunked, gzip"),
        ("1.1", "chunked, chunked"),
        ("1.1", "gzip"),
        ("1.1", "identity"),
        ("1.1", "xchunked"),
        ("1.1", "chunked;q=1"),
        ("1.1", "\x0bchunked"),
        ("1.1", '"chunked"'),
        ("1.1", ""),
        ("1.0", "chunked"),
        ("1.0", "gzip, chunked"),
    ],
)
def test_any_coding_but_chunked_in_1_1_is_refused_and_closes(
    hub: Served, version: str, coding: str
) -> None:
    head = hub.head(
        f"POST /v1/decisions HTTP/{version}",
        hub.token(),
        f"X-Mark: {CANARY}",
        f"Transfer-Encoding: {coding}",
    )

    hub.refused(head + CHUNKS, 400, closed=True)


def test_the_coding_twice_is_refused_and_closes(hub: Served) -> None:
    lines = ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")

    hub.refused(hub.head("POST /v1/decisions HTTP/1.1", *lines) + CHUNKS, 400, closed=True)


def test_a_chunked_body_is_read_to_its_end_and_nothing_behind_it(hub: Served) -> None:
    head = hub.head("POST /oauth2/token HTTP/1.1", "Transfer-Encoding: chunked")

    hub.refused(head + CHUNKS, 415, closed=True)
