"""A1: a request line of another version of HTTP."""

import pytest

from tests.attacks.served import CANARY, Served

pytestmark = pytest.mark.http


@pytest.mark.parametrize(
    "version", ["HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/3.0", "HTTP/1", "HTTP/11", "HTP/1.1", ""]
)
def test_another_version_is_refused_and_closes(hub: Served, version: str) -> None:
    line = f"GET /healthz {version}".strip()

    hub.refused(hub.head(line, f"X-Mark: {CANARY}"), 400, closed=True)


def test_a_preface_of_http_2_is_refused_and_closes(hub: Served) -> None:
    hub.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, closed=True)


def test_a_plain_request_is_answered_and_its_connection_kept(hub: Served) -> None:
    with hub.line() as line:
        line.send(hub.head("GET /healthz HTTP/1.1"))
        assert line.reply().status == 200
        assert hub.alive(line)
