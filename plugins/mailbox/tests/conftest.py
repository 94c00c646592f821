"""A real mail server of an agency: encryption, login, and answers as a test tells it to give."""

import asyncio
import hashlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from exchange_plugin_mailbox.convert import register_deliveries, register_intake_formats

from exchange.canonical import Json
from exchange.errors import Misconfigured, Unavailable
from exchange.hookspecs import (
    DeliveredFile,
    DeliveredFolder,
    Delivery,
    DocumentPackage,
    IntakeFormat,
)

PASSWORD = "not a secret: this server lives for one test"
SERVER = "mail.ngo.example"
INTAKE: dict[str, Json] = {"sender": "austausch@ngo.example", "recipient": "post@ngo.example"}
LARGEST = 300 << 20


@dataclass
class Office:
    """Handler of the server: keeps what arrives, and answers as a test tells it to."""

    mails: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    answer: dict[str, str] = field(default_factory=dict)
    """Reply by command, instead of the good one."""
    silent: bool = False
    """Whether the end of a mail is never answered."""
    freezes: threading.Event | None = None
    """Set to thaw a server that freezes after its goodbye, with the connection open."""
    logins: int = 0

    def login(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, found: Any
    ) -> Any:
        """Decide on a login."""
        known = isinstance(found, LoginPassword) and found.password == PASSWORD.encode()
        self.logins += known
        return AuthResult(success=known, handled=False)

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
        if self.silent:
            await asyncio.Event().wait()
        assert isinstance(envelope.content, bytes)
        if "DATA" not in self.answer:
            self.mails.append(envelope.content)
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
            self.encrypted.append(session.ssl is not None)
        return self.answer.get("DATA", "250 OK")

    async def handle_QUIT(self, server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        if self.freezes is not None:
            await server.push("221 Bye")
            self.freezes.wait()  # not even the end of the encryption is answered
        return "221 Bye"


class Connected:
    """Connections of one address, as the gateway opens them."""

    def __init__(self, name: str, port: int) -> None:
        self._name = name
        self.port = port

    async def connect(self, name: str) -> socket.socket:
        """Return a connected socket."""
        if name != self._name:
            raise Misconfigured("no such address")
        try:
            return socket.create_connection(("127.0.0.1", self.port), timeout=60)
        except OSError:
            raise Unavailable("nobody listens") from None


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def office() -> Office:
    return Office()


class Servers:
    """Starts mail servers in the loop of the test, and ends them and their sessions."""

    def __init__(self, authority: trustme.CA, office: Office) -> None:
        self._authority = authority
        self._office = office
        self._running: list[asyncio.Server] = []
        self._sessions: list[SMTP] = []

    async def __call__(self, *, tls: bool = False, **options: Any) -> Connected:
        """Start one and return the connections that lead to it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(SERVER).configure_cert(context)
        secure = {"tls_context": context, "require_starttls": True, "auth_required": True}
        given: dict[str, Any] = {"auth_require_tls": False} if tls else secure

        def session() -> SMTP:
            chosen = {"data_size_limit": LARGEST, **given, **options}
            made = SMTP(self._office, authenticator=self._office.login, hostname="mail", **chosen)
            self._sessions.append(made)
            return made

        server = await asyncio.get_running_loop().create_server(
            session, "127.0.0.1", 0, ssl=context if tls else None
        )
        self._running.append(server)
        return Connected("mail", server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Hang up on everybody."""
        for server in self._running:
            server.close()
        handlers = [session._handler_coroutine for session in self._sessions]
        for handler in filter(None, handlers):
            handler.cancel()
        await asyncio.gather(*filter(None, handlers), return_exceptions=True)
        for session in self._sessions:
            for transport in (session.transport, session._original_transport):  # TLS over TCP
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)  # what was cut is closed in the next turns of the loop


@pytest.fixture
async def serve(authority: trustme.CA, office: Office) -> AsyncIterator[Servers]:
    servers = Servers(authority, office)
    yield servers
    await servers.stop()


def letter_format(**settings: Json) -> IntakeFormat:
    """Return the intake format with the settings of the tests."""
    (found,) = register_intake_formats({**INTAKE, **settings})
    return found


@pytest.fixture
def delivery_for(authority: trustme.CA) -> Callable[..., Delivery]:
    """Return the delivery for settings beside those every test has."""

    def of(settings: Mapping[str, Json] | None = None, **secrets: str) -> Delivery:
        table = {**INTAKE, "server": SERVER, "username": "gateway", "timeout_s": 20}
        known = {"password": PASSWORD, "ca": authority.cert_pem.bytes().decode(), **secrets}
        (found,) = register_deliveries({**table, **(settings or {})}, known)
        return found

    return of


async def delivered(package: DocumentPackage, target: Path) -> DeliveredFolder:
    """Convert `package` into the folder `target` and return what a gateway delivers of it."""
    target.mkdir()
    names = [file.name for file in await letter_format().convert(package, target)]
    return folder_of(package, [target / name for name in names])


def folder_of(package: DocumentPackage, paths: list[Path]) -> DeliveredFolder:
    """Return the folder a gateway delivers, with the files at `paths`."""
    return DeliveredFolder(
        disclosure_id=package.disclosure_id,
        folder="20260302T093000Z-6f6d4c36",
        sender=package.sender,
        sender_name=package.sender_name,
        purpose=package.purpose,
        category=package.category,
        secrecy=package.secrecy,
        collected_at=package.collected_at,
        files=tuple(
            DeliveredFile(
                name=path.name,
                size=path.stat().st_size,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                path=path,
            )
            for path in paths
        ),
    )
