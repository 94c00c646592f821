"""Serves the local API and the local pages, for this machine alone."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiohttp import web

from exchange.agency.http.app import build
from exchange.agency.http.bounds import Bounds
from exchange.agency.office import Office
from exchange.agency.pages.site import add
from exchange.errors import Misconfigured
from exchange.serving.connection import Runner

Address: TypeAlias = tuple[str, int]
"""Host and port; the host is this machine itself."""


def by_address(offices: Sequence[Office]) -> Mapping[Address, Sequence[Office]]:
    """Return who is served where: offices whose settings name one address share it."""
    found: dict[Address, list[Office]] = defaultdict(list)
    for office in offices:
        address = office.gateway.settings.api.address
        if address is not None:
            found[address].append(office)
    return found


@asynccontextmanager
async def listening(address: Address, offices: Sequence[Office]) -> AsyncIterator[None]:
    """Serve these offices at `address` while the block runs.

    The token of a request says for which of them it speaks.

    Raises:
        Misconfigured: the address is taken.
    """
    bounds = Bounds()
    app = build(offices)
    add(app)
    runner = Runner(app, bounds, bounds)
    await runner.setup()
    try:
        host, port = address
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            raise Misconfigured(
                f"another program listens at {host}:{port}; name another address in [api] listen, "
                'or switch the local API off with listen = ""'
            ) from None
        yield
    finally:
        await runner.cleanup()
