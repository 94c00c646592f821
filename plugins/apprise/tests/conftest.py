"""A real receiver on this machine, with TLS: for the scheme jsons, and as a Matrix server."""

import asyncio
import contextlib
import http.server
import socket
import ssl
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from exchange_plugin_apprise import configure
from exchange_plugin_apprise.channel import AppriseChannel

from exchange.canonical import Json, encode, loads
from exchange.hookspecs import Notice, NoticeKind

MATRIX: Mapping[str, dict[str, Json]] = {
    "/login": {"access_token": "t", "home_server": "localhost", "user_id": "@hub:localhost"},
    "/join": {"room_id": "!room:localhost"},
    "/send": {"event_id": "$event"},
    "/whoami": {"user_id": "@hub:localhost"},
}


@dataclass
class Request:
    """What a receiver was sent."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return loads(self.body, limit=100_000)


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what arrives, and answers as a test tells it to."""

    daemon_threads = False

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.requests: list[Request] = []
        self.status = 200
        self.fields: dict[str, str] = {}
        self.hang = threading.Event()
        self.hang.set()
        """Clear to let nobody have an answer."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the caller has hung up, which is what some tests are about."""


class Answering(http.server.BaseHTTPRequestHandler):
    server: Receiver
    timeout = 30

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fields = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Request(self.path, fields, body))
        self.server.hang.wait(60)
        said = next((text for part, text in MATRIX.items() if part in self.path), {})
        self.send_response(self.server.status)
        for name, value in self.server.fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encode(said))

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - names of the standard library

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def receiver(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Receiver]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    with Receiver(tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.hang.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., dict[str, Json]]:
    """Return the plugin's table with one service."""

    def settings(url: str) -> dict[str, Json]:
        (tmp_path / "url").write_text(f"{url}\n")
        return {"timeout_s": 20, "url_files": {"office": str(tmp_path / "url")}}

    return settings


@pytest.fixture
def settings(
    receiver: Receiver, settings_for: Callable[..., dict[str, Json]]
) -> Mapping[str, Json]:
    return settings_for(f"jsons://user:password@localhost:{receiver.port}/inbox")


@pytest.fixture
def unreachable(settings_for: Callable[..., dict[str, Json]]) -> Iterator[Mapping[str, Json]]:
    """The table for a port that nobody listens at, and nobody else takes meanwhile."""
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield settings_for(f"jsons://localhost:{taken.getsockname()[1]}")


@pytest.fixture
def received(receiver: Receiver) -> Callable[[], Sequence[str]]:
    """Subject and text of what arrived."""
    return lambda: [f"{one.json['title']}\n{one.json['message']}" for one in receiver.requests]


@pytest.fixture
def notice() -> Callable[..., Notice]:
    """Return a notice with the members a test gives."""

    def made(**changed: Any) -> Notice:
        given = {
            "id": str(uuid.uuid4()),
            "kind": NoticeKind.WAITING,
            "language": "de",
            "address": "office",
            "subject": "Prüfung",
            "text": "Nothing but <words> & *signs*.\n",
        }
        return Notice(**{**given, **changed})

    return made


@pytest.fixture
def send(notice: Callable[..., Notice]) -> Callable[..., Awaitable[None]]:
    """Send a notice with a table of settings."""

    async def sending(settings: Mapping[str, Json], what: Notice | None = None) -> None:
        async with asyncio.timeout(60):
            await AppriseChannel(configure.read(settings)).send(what or notice())

    return sending
