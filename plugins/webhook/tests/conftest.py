"""A real receiver on this machine: TLS by a test authority, answers as a test tells it to."""

import asyncio
import contextlib
import socket
import socketserver
import ssl
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from exchange_plugin_webhook import configure
from exchange_plugin_webhook.channel import WebhookChannel

from exchange.canonical import Json
from exchange.hookspecs import Notice, NoticeKind

SECRETS = (
    "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
)
"""Not secrets: they live for one test."""
GOOD = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@dataclass
class Request:
    """What a receiver was sent."""

    target: str
    headers: dict[str, str]
    body: str


class Receiver(socketserver.ThreadingTCPServer):
    """Keeps what arrives, and answers in bytes that a test gives."""

    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Reading)
        self.tls = tls
        self.requests: list[Request] = []
        self.answer: Callable[[ssl.SSLSocket], None] = lambda caller: caller.sendall(GOOD)
        self.stopping = threading.Event()
        """Set at the end, for answers that go on and on."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the caller has hung up, which is what most tests are about."""


class Reading(socketserver.BaseRequestHandler):
    """One connection."""

    server: Receiver

    def handle(self) -> None:
        with self.server.tls.wrap_socket(self.request, server_side=True) as caller:
            caller.settimeout(30)
            with caller.makefile("rb") as lines:
                target = lines.readline().decode("ascii").split(" ")[1]
                headers = {}
                while (line := lines.readline().decode("ascii").rstrip("\r\n")) != "":
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = lines.read(int(headers["content-length"])).decode("ascii")
            self.server.requests.append(Request(target, headers, body))
            self.server.answer(caller)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "hooks.example").configure_cert(context)
    return context


@pytest.fixture
def receiver(tls: ssl.SSLContext) -> Iterator[Receiver]:
    with Receiver(tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.stopping.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def settings_for(authority: trustme.CA, tmp_path: Path) -> Callable[..., dict[str, Json]]:
    """Return the plugin's table for a receiver on a port."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    for number, secret in enumerate(SECRETS):
        (tmp_path / f"secret-{number}").write_text(f"{secret}\n")

    def settings(port: int, host: str = "localhost") -> dict[str, Json]:
        return {
            "ports": [port],
            "private": ["127.0.0.0/8", "::1/128"],
            "ca_file": str(tmp_path / "authority.pem"),
            "timeout_s": 20,
            "endpoints": {
                "office": {
                    "url": f"https://{host}:{port}/inbox",
                    "secret_files": [str(tmp_path / "secret-0")],
                }
            },
        }

    return settings


@pytest.fixture
def settings(
    receiver: Receiver, settings_for: Callable[..., dict[str, Json]]
) -> Mapping[str, Json]:
    return settings_for(receiver.port)


@pytest.fixture
def unreachable(settings_for: Callable[..., dict[str, Json]]) -> Iterator[Mapping[str, Json]]:
    """The table for a port that nobody listens at, and nobody else takes meanwhile."""
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield settings_for(int(taken.getsockname()[1]))


@pytest.fixture
def received(receiver: Receiver) -> Callable[[], Sequence[str]]:
    """What arrived, without the moment, which the transport adds."""

    def kinds() -> Sequence[str]:
        moments = [request.body.split('"timestamp":"')[1][:20] for request in receiver.requests]
        pairs = zip(receiver.requests, moments, strict=True)
        return [request.body.replace(moment, "") for request, moment in pairs]

    return kinds


@pytest.fixture
def notice() -> Callable[..., Notice]:
    """Return a notice with the members a test gives."""

    def made(**changed: Any) -> Notice:
        given = {
            "id": str(uuid.uuid4()),
            "kind": NoticeKind.WAITING,
            "language": "de",
            "address": "office",
            "subject": "CANARY subject",
            "text": "CANARY text\n",
        }
        return Notice(**{**given, **changed})

    return made


@pytest.fixture
def send(notice: Callable[..., Notice]) -> Callable[..., Awaitable[None]]:
    """Send a notice with a table of settings, and other parts of the channel."""

    async def sending(
        settings: Mapping[str, Json], what: Notice | None = None, **parts: Any
    ) -> None:
        async with asyncio.timeout(60):
            await WebhookChannel(configure.read(settings), **parts).send(what or notice())

    return sending


@pytest.fixture(scope="session")
def secrets() -> Sequence[str]:
    """The secrets in the files of the settings, in their order."""
    return SECRETS
