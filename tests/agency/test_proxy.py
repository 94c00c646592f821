"""A gateway behind a firewall: through a CONNECT proxy that works, refuses or hangs."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from exchange.agency.calls import Credentials, Patience
from exchange.agency.client import connect
from exchange.agency.send import send
from exchange.agency.state import Sending
from exchange.errors import HubMisbehaves, Unavailable
from tests.agency.network import RECIPIENT, SENDER, Network, draft

PIECE = 64 * 1024


async def end(server: asyncio.Server, tasks: Collection[asyncio.Task[None]]) -> None:
    """Take no more connections, and end those that are there."""
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.wait_closed()
    await asyncio.sleep(0)  # aborted transports close their sockets in the next turn


@dataclass
class Proxy:
    """A CONNECT proxy on loopback, and what it was asked for."""

    status: str = "200 Connection established"
    hangs: bool = False
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    await self._connected(reader, writer)
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            await end(server, tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.decode("ascii").partition("\r\n")[0])
        if self.hangs:
            await asyncio.Event().wait()
        writer.write(f"HTTP/1.1 {self.status}\r\n\r\n".encode("ascii"))
        if not self.status.startswith("200"):
            await writer.drain()
            return
        host, _, port = self.asked[-1].split()[1].rpartition(":")
        far, on = await asyncio.open_connection(host, int(port))
        try:
            await self._pump(reader, writer, far, on)
        finally:
            on.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        on: asyncio.StreamWriter,
    ) -> None:
        async def one_way(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(PIECE):
                target.write(data)
                await target.drain()

        ways = [asyncio.create_task(one_way(reader, on)), asyncio.create_task(one_way(far, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


@pytest.fixture
async def encrypted(network: Network, tmp_path: Path) -> AsyncIterator[Network]:
    """Return a network whose hub speaks TLS only, as a real one does."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    behind = urlsplit(network.double.origin)
    pumps: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        pumps.add(task)
        ends = [writer]
        try:
            far, on = await asyncio.open_connection(behind.hostname, behind.port)
            ends.append(on)
            with contextlib.suppress(OSError):
                await Proxy()._pump(reader, writer, far, on)
        finally:
            for one in ends:
                one.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    for agency in (SENDER, RECIPIENT):
        settings = network.offices[agency].home.settings_file
        hub = f'origin = "https://localhost:{port}"\nissuer = "{network.double.origin}"\n'
        hub += f'certificates = "{tmp_path / "authority.pem"}"'
        plain = f'origin = "{network.double.origin}"'
        settings.write_text(settings.read_text().replace(plain, hub))
    try:
        yield network
    finally:
        await end(server, pumps)


def through(network: Network, proxy: Proxy, *agencies: str) -> None:
    for agency in agencies:
        settings = network.offices[agency].home.settings_file
        settings.write_text(settings.read_text().replace("[hub]", f'[hub]\nproxy = "{proxy.url}"'))


async def test_everything_goes_through_the_proxy_of_the_settings(encrypted: Network) -> None:
    async with Proxy().running() as proxy:
        through(encrypted, proxy, SENDER)
        async with encrypted.gateway(SENDER) as gateway:
            (sent,) = await send(gateway, draft())

    assert sent.state is Sending.STORED
    assert {line.split()[0] for line in proxy.asked} == {"CONNECT"}
    assert all(line.split()[1].startswith("localhost:") for line in proxy.asked)


@pytest.mark.parametrize("status", ["403 Forbidden", "407 Proxy Authentication Required"])
async def test_a_proxy_that_refuses_is_named(encrypted: Network, status: str) -> None:
    async with Proxy(status=status).running() as proxy:
        through(encrypted, proxy, SENDER)
        async with encrypted.gateway(SENDER) as gateway:
            with pytest.raises(Unavailable, match="the proxy does not let this through"):
                await gateway.client.access_token()


async def test_a_proxy_that_is_away_is_named(encrypted: Network) -> None:
    async with Proxy().running() as proxy:
        pass
    through(encrypted, proxy, SENDER)
    async with encrypted.gateway(SENDER) as gateway:
        with pytest.raises(Unavailable, match="the proxy cannot be reached"):
            await gateway.client.access_token()


async def test_a_proxy_that_hangs_ends_with_the_deadline(encrypted: Network) -> None:
    credentials = Credentials(assertion=lambda _issuer, _now: "a.b.c", issuer="x")
    async with (
        Proxy(hangs=True).running() as proxy,
        connect(
            "https://hub.example",
            credentials,
            clock=lambda: encrypted.now,
            proxy=proxy.url,
            patience=Patience(attempts=1, deadline_s=0.5),
        ) as client,
        asyncio.timeout(60),
    ):
        with pytest.raises((Unavailable, HubMisbehaves)):
            await client.access_token()
