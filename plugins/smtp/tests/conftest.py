"""A real mail server on this machine: STARTTLS, login, certificates of a test authority."""

import asyncio
import email
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from exchange.canonical import Json

PASSWORD = "not a secret: this server lives for one test"


@dataclass
class Mailbox:
    """Handler of the server: keeps what arrives, and answers as a test tells it to."""

    mails: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    greetings: list[str] = field(default_factory=list)
    answer: dict[str, str] = field(default_factory=dict)
    """Reply by command, instead of the good one."""
    hang: threading.Event | None = None
    """Set to let a hanging DATA go on."""

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, name: str, answers: list[str]
    ) -> list[str]:
        session.host_name = name
        self.greetings.append(name)
        return answers

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        envelope.mail_from = address
        return self.answer.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if "RCPT" not in self.answer:
            envelope.rcpt_tos.append(address)
        return self.answer.get("RCPT", "250 OK")

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hang is not None:
            await asyncio.to_thread(self.hang.wait)
        assert isinstance(envelope.content, bytes)
        if "DATA" not in self.answer:
            self.mails.append(envelope.content)
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
            self.encrypted.append(session.ssl is not None)
        return self.answer.get("DATA", "250 OK")

    def read(self) -> list[EmailMessage]:
        """Return the mails that arrived."""
        return [email.message_from_bytes(mail, policy=default) for mail in self.mails]


def _login(_server: SMTP, _session: Session, _envelope: Envelope, _kind: str, data: Any) -> Any:
    known = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=known, handled=False)


class Server(Controller):
    """A controller at a port the kernel chose, that hangs up on everybody before it stops."""

    def factory(self) -> SMTP:
        """Remember the session, to end it."""
        session: SMTP = super().factory()  # type: ignore[no-untyped-call]
        self.sessions: list[SMTP] = [*getattr(self, "sessions", []), session]
        return session

    def _trigger_server(self) -> None:
        """Learn the port: the server listens by now."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]

    def stop(self, no_assert: bool = False) -> None:
        """Stop without leaving a socket open."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(timeout=60)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        for session in getattr(self, "sessions", []):
            for transport in (session.transport, session._original_transport):  # TLS over TCP
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)  # what was cut is closed in the next turns of the loop


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def serve(authority: trustme.CA, mailbox: Mailbox) -> Iterator[Callable[..., int]]:
    """Start servers and return their ports; they end with the test."""
    running: list[Server] = []

    def start(**options: Any) -> int:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        options.pop("authority", authority).issue_cert("127.0.0.1").configure_cert(context)
        given = {"tls_context": context, "require_starttls": True, "auth_required": True, **options}
        controller = Server(
            mailbox,
            hostname="127.0.0.1",
            port=0,
            ready_timeout=60,
            authenticator=_login,
            **given,
        )
        controller.start()
        running.append(controller)
        return int(controller.port)

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture
def settings_for(authority: trustme.CA, tmp_path: Path) -> Callable[[int], dict[str, Json]]:
    """Return the plugin's table for a server on a port."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))

    def settings(port: int) -> dict[str, Json]:
        return {
            "host": "127.0.0.1",
            "port": port,
            "username": "hub",
            "password": PASSWORD,
            "sender": "posteingang@hub.example",
            "ca_file": str(tmp_path / "authority.pem"),
            "timeout_s": 20,
        }

    return settings


@pytest.fixture
def settings(
    serve: Callable[..., int], settings_for: Callable[[int], Mapping[str, Json]]
) -> Mapping[str, Json]:
    return settings_for(serve())


@pytest.fixture
def unreachable(
    settings_for: Callable[[int], Mapping[str, Json]],
) -> Iterator[Mapping[str, Json]]:
    """Return the table for a port that nobody listens at, and nobody else takes meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield settings_for(taken.getsockname()[1])


@pytest.fixture
def received(mailbox: Mailbox) -> Callable[[], list[str]]:
    """Subject and text of what arrived."""
    return lambda: [f"{mail['Subject']}\n{mail.get_content()}" for mail in mailbox.read()]
