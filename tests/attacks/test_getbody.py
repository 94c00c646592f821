"""A5: a body where a method has none: the next program would take it for a request."""

import pytest

from tests.attacks.served import Served

pytestmark = pytest.mark.http


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/healthz", "/v1/inbox", "/v1/nothing-here"])
@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("Content-Length: 5", b"abcde"),
        ("Transfer-Encoding: chunked", b"5\r\nabcde\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"0\r\n\r\n"),
    ],
    ids=["length", "chunks", "no chunk"],
)
def test_a_body_is_refused_and_closes(
    hub: Served, method: str, path: str, line: str, body: bytes
) -> None:
    sent = hub.head(f"{method} {path} HTTP/1.1", hub.token(), line) + body

    hub.refused(sent, 400, closed=True, bodiless=method == "HEAD")


def test_an_announced_body_of_nothing_is_none(hub: Served) -> None:
    assert hub.ask(hub.head("GET /healthz HTTP/1.1", "Content-Length: 0")).status == 200
