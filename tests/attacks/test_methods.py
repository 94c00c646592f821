"""A16: methods nobody asked for, upgrades, and expectations."""

import pytest

from exchange.wire import routes
from tests.attacks.served import CANARY, Served

pytestmark = pytest.mark.http

ID = "06060606-0606-4606-8606-06060606060a"


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE", "PATCH", "PUT", "POST"])
@pytest.mark.parametrize("path", ["/v1/inbox", "/healthz", "/openapi.json", "/docs"])
def test_a_method_the_route_does_not_have_is_405_and_closes(
    hub: Served, path: str, method: str
) -> None:
    reply = hub.refused(hub.head(f"{method} {path} HTTP/1.1", hub.token()), 405, closed=True)

    assert set((reply.header("Allow") or "").split(",")) <= {"GET", "HEAD"}
    assert reply.header("Allow")


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "MKCOL", "LOCK", "SEARCH", "PURGE"])
@pytest.mark.parametrize("path", ["/v1/inbox", "/healthz", "/v1/nothing-here"])
def test_methods_no_route_has_are_405_and_close(hub: Served, path: str, method: str) -> None:
    hub.refused(hub.head(f"{method} {path} HTTP/1.1", hub.token()), 405, closed=True)


@pytest.mark.parametrize("method", ["get", "Get", "G", "BREW", "GETT", "XYZZY", "G@T", "\xb5"])
def test_what_is_no_method_is_400_and_closes(hub: Served, method: str) -> None:
    hub.refused(hub.head(f"{method} /v1/inbox HTTP/1.1", hub.token()), 400, closed=True)


@pytest.mark.parametrize("target", ["evil.example:443", "127.0.0.1:22", "{host}", "/v1/inbox"])
def test_connect_opens_nothing_and_closes(hub: Served, target: str) -> None:
    sent = hub.head(f"CONNECT {target.replace('{host}', hub.host)} HTTP/1.1")

    with hub.no_trace(), hub.line() as line:
        line.send(sent)
        assert line.reply().status in {400, 405}
        line.send(hub.head("GET /healthz HTTP/1.1"))
        assert line.closed()


def test_an_upload_tells_its_options_and_nothing_else_does(hub: Served) -> None:
    upload = routes.UPLOAD.path.replace("{id}", ID)

    told = hub.ask(hub.head(f"OPTIONS {upload} HTTP/1.1", hub.token()))

    assert told.status == 204
    assert told.header("Tus-Version") == "1.0.0"
    assert hub.ask(hub.head(f"OPTIONS {upload} HTTP/1.1")).status == 401
    assert told.header("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("path", ["/healthz", "/v1/inbox"])
@pytest.mark.parametrize(
    "lines",
    [
        (
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        ("Connection: Upgrade", "Upgrade: TLS/1.2"),
        ("Upgrade: websocket",),
    ],
    ids=["websocket", "h2c", "tls", "without connection"],
)
def test_no_connection_is_upgraded(hub: Served, path: str, lines: tuple[str, ...]) -> None:
    with hub.line() as line:
        line.send(hub.head(f"GET {path} HTTP/1.1", hub.token(), *lines))
        reply = line.reply()
        assert reply.status == 200
        assert reply.header("Upgrade") is None
        assert hub.alive(line)  # what follows is a request, not a frame


@pytest.mark.parametrize("expected", ["200-ok", "100-continue, 200-ok", CANARY, "", "100-continu"])
def test_an_odd_expectation_is_417(hub: Served, expected: str) -> None:
    for path in ("/healthz", "/v1/inbox", "/v1/nothing-here"):
        hub.refused(hub.head(f"GET {path} HTTP/1.1", f"Expect: {expected}"), 417, closed=True)


def test_a_body_is_waited_for_only_when_it_was_asked_for(hub: Served) -> None:
    lines = (hub.token(), "Content-Type: text/plain", "Expect: 100-continue", "Content-Length: 5")

    with hub.line() as line:
        line.send(hub.head("POST /v1/decisions HTTP/1.1", *lines))
        assert line.reply().status == 415
