"""A hub in a process of its own behind a proxy, and agencies that know its public name alone."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from exchange.members import write_time
from tests.bench.place import GENEROUS, LIFE_S, Place
from tests.bench.processes import Child, running
from tests.deploy.proxies import Proxy
from tests.simulator import Given

TOKENS_PER_SECOND = 1
"""Requests for tokens that one address may make."""


class Deployed(Place):
    """Everything a simulator can do, through the proxy once `served` has begun."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.proxy: Proxy
        self.child: Child
        self.given: Given
        self._public = ""

    @property
    def origin(self) -> str:
        return self._public or super().origin

    def token(self, agency: str, scope: str = "") -> str:
        if not self._public:
            return super().token(agency, scope)
        self.now = datetime.now(UTC).replace(microsecond=0)
        return self.bearer(agency, scope)["Authorization"].removeprefix("Bearer ")

    async def lasting(self) -> Given:
        """Record another consent for any number of uses."""
        until = write_time(self.now + timedelta(days=90))
        return await self.consent(valid_until=until, uses="recurring")

    @contextmanager
    def behind(self, proxy: Proxy) -> Iterator["Deployed"]:
        """Serve the hub, whose port the proxy knows, under the name of the proxy."""
        self.proxy, self._public = proxy, proxy.origin
        settings = [
            f'origin = "{self.origin}"',
            f'[listen]\nhost = "127.0.0.1"\nport = {self.port}',
            '[http]\ntrusted_proxies = ["127.0.0.1"]',
            f"[token]\nlife_s = {LIFE_S}\nper_address = {TOKENS_PER_SECOND}",
            "[agency]",
            *(f"{name} = {value}" for name, value in GENEROUS.items()),
            # A log keeps the name it was begun with, before the proxy stood in front.
            f'[log]\norigin = "{self.hub.signer.origin}"',
        ]
        (self.home / "hub.toml").write_text("\n".join(settings) + "\n")
        command = ["-m", "exchange.cli.main", "hub", "serve", "--home", str(self.home)]
        with running(command, ready="serving") as self.child:
            yield self

    @asynccontextmanager
    async def visiting(self) -> AsyncIterator["Deployed"]:
        """Open a session through the proxy."""
        async with visitor(self.proxy) as self.http:
            yield self


def visitor(proxy: Proxy, address: str = "127.0.0.1") -> aiohttp.ClientSession:
    """Return a session through `proxy` that comes from `address` of this machine."""
    connector = aiohttp.TCPConnector(
        limit=0, resolver=_Here(), ssl=proxy.trusted(), local_addr=(address, 0)
    )
    return aiohttp.ClientSession(connector=connector)


class _Here(AbstractResolver):
    """Finds every name on this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
        )
        return [found]

    async def close(self) -> None:
        """Hold nothing."""
