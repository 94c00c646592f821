"""An agency is told, though its first channel fails and the hub dies twice: webhook, then mail."""

import asyncio
import email
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from standardwebhooks import Webhook

from exchange.canonical import Json
from exchange.hub.relay import Relay
from exchange.hub.settings import Notices
from exchange.hub.storage.reaches import Destination, Reach
from tests.samples import CONSENT
from tests.simulator import RECIPIENT, SENDER, Letter, Simulator

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
CODES = (CONSENT["purpose"]["code"], *CONSENT["categories"])
SOON_S = 60
TOLD = Reach(
    channels=(Destination("webhook", "office"), Destination("smtp", "office@recipient.example"))
)


@dataclass
class Receivers:
    """A web server and a mail server of the recipient, with the hub's tables for them."""

    plugins: Mapping[str, Json]
    status: int = 503
    """What the web server answers."""
    hooks: list[tuple[dict[str, str], str]] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a mail has come."""
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, the mail server keeps a mail and does not say so."""
    sessions: list[SMTP] = field(default_factory=list)

    async def take_hook(self, request: web.Request) -> web.Response:
        fields = {name.lower(): value for name, value in request.headers.items()}
        self.hooks.append((fields, await request.text()))
        return web.Response(status=self.status)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        self.came.set()
        await self.answers.wait()
        return "250 OK"

    def connect(self, tls: ssl.SSLContext) -> Callable[[], SMTP]:
        def login(_server: SMTP, _session: Session, _envelope: Envelope, _: str, given: Any) -> Any:
            known = isinstance(given, LoginPassword) and given.password == b"not a secret"
            return AuthResult(success=known, handled=False)

        def session() -> SMTP:
            made = SMTP(
                self,
                tls_context=tls,
                require_starttls=True,
                auth_required=True,
                authenticator=login,
            )
            self.sessions.append(made)
            return made

        return session

    def read(self) -> list[EmailMessage]:
        return [email.message_from_bytes(mail, policy=default) for mail in self.mails]


@pytest.fixture
async def receivers(tmp_path: Path) -> AsyncIterator[Receivers]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    (tmp_path / "secret").write_text(SECRET)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    found = Receivers(plugins={})
    async with serving_hooks(found, tls) as hooks, serving_mails(found, tls) as mails:
        found.plugins = {
            "webhook": {
                "ports": [hooks],
                "private": ["127.0.0.0/8", "::1/128"],
                "ca_file": str(tmp_path / "authority.pem"),
                "endpoints": {
                    "office": {
                        "url": f"https://localhost:{hooks}/in",
                        "secret_files": [str(tmp_path / "secret")],
                    }
                },
            },
            "smtp": {
                "host": "localhost",
                "port": mails,
                "username": "hub",
                "password": "not a secret",
                "sender": "notices@hub.example",
                "ca_file": str(tmp_path / "authority.pem"),
            },
        }
        yield found


@asynccontextmanager
async def serving_hooks(found: Receivers, tls: ssl.SSLContext) -> AsyncIterator[int]:
    site = web.Application()
    site.router.add_post("/in", found.take_hook)
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield int(runner.addresses[0][1])
    await runner.cleanup()


@asynccontextmanager
async def serving_mails(found: Receivers, tls: ssl.SSLContext) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    async with await loop.create_server(found.connect(tls), "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])
        found.answers.set()
        for session in found.sessions:
            for transport in (session.transport, session._original_transport):  # TLS over TCP
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)  # what was cut is closed in the next turns of the loop


async def dies_when_the_mail_has_come(sim: Simulator, receivers: Receivers) -> None:
    """Let a relay hand a mail over, and never learn that it was taken."""
    receivers.answers.clear()
    relaying = asyncio.create_task(Relay(Notices()).send_due(sim.hub))
    async with asyncio.timeout(SOON_S):
        await receivers.came.wait()
    relaying.cancel()
    await asyncio.wait({relaying})
    receivers.answers.set()


async def test_a_webhook_that_fails_is_followed_by_a_mail_though_the_hub_dies_twice(
    tmp_path: Path, receivers: Receivers
) -> None:
    sim = Simulator(tmp_path, plugins=receivers.plugins, notices={"hub_name": "the hub"})
    async with sim.running():
        await sim.arrange()
        await sim.told(RECIPIENT, TOLD)
        letter = await sim.sent()
        assert await Relay(Notices()).send_due(sim.hub) == 0
        assert (len(receivers.hooks), receivers.mails) == (1, [])

    sim.later(minutes=5)
    async with sim.running():  # what it knew of the failure stands in the outbox
        await dies_when_the_mail_has_come(sim, receivers)
        assert [row.state for row in await sim.notices()] == ["waiting"]

    sim.later(minutes=2)
    async with sim.running():
        assert await Relay(Notices()).send_due(sim.hub) == 1
        assert [row.state for row in await sim.notices()] == ["sent"]
        sim.later(days=1)
        receivers.status = 204
        assert await Relay(Notices()).send_due(sim.hub) == 0
        ((notice,),) = await sim.rows("SELECT id FROM notices")

    assert {fields["webhook-id"] for fields, _ in receivers.hooks} == {notice}
    first, second = receivers.read()
    assert first["Message-ID"] == second["Message-ID"] == f"<{notice}@hub.example>"
    says_nothing(letter, receivers)


def says_nothing(letter: Letter, receivers: Receivers) -> None:
    """Assert that nobody learns from a notice whom, what or what for it is."""
    everything = " ".join([str(receivers.hooks), *(str(mail) for mail in receivers.read())]).lower()
    for telling in (SENDER, letter.id, letter.digest, letter.consent, *CODES):
        assert telling.lower() not in everything
    for fields, body in receivers.hooks:
        Webhook(SECRET).verify(body, fields, json_parse=False)
