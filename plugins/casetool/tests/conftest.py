"""A real case tool: a server that verifies signatures with the library its maker would use."""

import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from exchange_plugin_casetool.deliver import register_deliveries
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from exchange.canonical import Json
from exchange.errors import Misconfigured, Unavailable
from exchange.hookspecs import DeliveredFile, DeliveredFolder, Delivery, Label

KEY = "whsec_" + "S2VpbiBHZWhlaW1uaXMsIG51ciBlaW4gVGVzdCEh"
FORMER = "whsec_" + "QXVjaCBrZWluIEdlaGVpbW5pcywgbnVyIGFsdCEh"
SERVER = "falltool.agency.example"


@dataclass
class Tool:
    """What a partner writes: files are kept aside, the event makes them a document."""

    keys: list[str] = field(default_factory=lambda: [KEY])
    """Keys this tool accepts."""
    aside: dict[str, dict[int, bytes]] = field(default_factory=dict)
    documents: dict[str, dict[str, bytes]] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses for the next requests, instead of looking at them."""
    refused: int = 0

    def _verified(self, text: str, request: web.Request) -> Any:
        for key in self.keys:
            try:
                return Webhook(key).verify(text, dict(request.headers))
            except WebhookVerificationError:
                continue
        self.refused += 1
        raise web.HTTPUnauthorized

    def _planned(self, request: web.Request) -> None:
        self.requests.append(f"{request.method} {request.path}")
        if self.answers and (status := self.answers.pop(0)):
            raise_for = web.Response(status=status, headers={"Location": "/elsewhere"})
            raise Planned(raise_for)

    async def put(self, request: web.Request) -> web.Response:
        """Keep one file aside."""
        self._planned(request)
        described = self._verified(request.headers["Document-File"], request)
        digest, content = hashlib.sha256(), bytearray()
        async for piece in request.content.iter_any():
            digest.update(piece)
            content += piece
        assert described["sha256"] == digest.hexdigest()
        assert described["size"] == len(content)
        assert request.path.endswith(f"/{described['document']}/{described['number']}")
        self.aside.setdefault(described["document"], {})[described["number"]] = bytes(content)
        return web.Response(status=204)

    async def post(self, request: web.Request) -> web.Response:
        """Make a document of what lies aside, once."""
        self._planned(request)
        event = self._verified(await request.text(), request)
        found = event["data"]
        assert request.headers["Webhook-Id"] == found["id"]
        files = {file["name"]: self.aside[found["id"]][file["number"]] for file in found["files"]}
        self.documents[found["id"]] = files
        self.events.append(event)
        return web.Response(status=200)


class Planned(Exception):
    """Carries an answer that a test has planned."""

    def __init__(self, response: web.Response) -> None:
        self.response = response


@web.middleware
async def answering(request: web.Request, handler: Any) -> Any:
    try:
        return await handler(request)
    except Planned as planned:
        return planned.response


class Connected:
    """Connections to one port, as the gateway opens them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.opened = 0

    async def connect(self, name: str) -> socket.socket:
        """Return a connected socket."""
        if name != "casetool":
            raise Misconfigured("no such address")
        try:
            found = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        except OSError:
            raise Unavailable("nobody listens") from None
        self.opened += 1
        return found


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tool() -> Tool:
    return Tool()


@pytest.fixture
async def connections(authority: trustme.CA, tool: Tool) -> AsyncIterator[Connected]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(SERVER).configure_cert(context)
    app = web.Application(middlewares=[answering], client_max_size=1 << 30)
    app.router.add_put("/exchange/{document}/{number}", tool.put)
    app.router.add_post("/exchange", tool.post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    yield Connected(runner.addresses[0][1])
    await runner.cleanup()


@pytest.fixture
def delivery_for(authority: trustme.CA) -> Callable[..., Delivery]:
    """Return the delivery for settings and secrets beside those every test has."""

    def of(settings: dict[str, Json] | None = None, **secrets: str) -> Delivery:
        table: dict[str, Json] = {"server": SERVER, "path": "/exchange", "timeout_s": 20}
        known = {"key": KEY, "ca": authority.cert_pem.bytes().decode(), **secrets}
        (found,) = register_deliveries({**table, **(settings or {})}, known)
        return found

    return of


def folder_of(place: Path, files: dict[str, bytes]) -> DeliveredFolder:
    """Return what a gateway delivers, with `files` written to `place`."""
    place.mkdir(exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    return DeliveredFolder(
        disclosure_id="6f6d4c36-3c1e-4d0c-9f0e-1d6d4b1f2a10",
        folder="20260302T093000Z-6f6d4c36",
        sender="jobcentre",
        sender_name='Jobcenter "Mitte"\r\nX-Evil: ä',
        purpose=Label("housing", "Wohnungssicherung", "Keeping a home"),
        category=Label("rent-arrears", "Mietrückstand", "Rent arrears"),
        secrecy=Label("social", "Sozialgeheimnis", "social secrecy"),
        collected_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        files=tuple(
            DeliveredFile(
                name=name,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                path=place / name,
            )
            for name, content in files.items()
        ),
    )


@pytest.fixture
def folder(tmp_path: Path) -> DeliveredFolder:
    files = {"index.html": b"<p>", "Bescheid März.pdf": b"%PDF-\x00\xff", "leer.txt": b""}
    return folder_of(tmp_path / "delivered", files)
