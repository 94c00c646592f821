"""A running hub with two parties that have agreed, and raw sockets to it."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exchange import canonical
from exchange.hub.admit import admit
from exchange.hub.storage.agencies import Reach
from tests.simulator import SENDER, Simulator


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    simulator = Simulator(tmp_path)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[Simulator]:
    """A running hub that knows one agency and nothing else."""
    simulator = Simulator(tmp_path)
    async with simulator.running():
        await admit(simulator.hub, simulator.offices[SENDER].identity.card, Reach())
        yield simulator


@dataclass(frozen=True)
class Raw:
    """Everything that came back on a connection, and whether the hub closed it."""

    text: bytes
    closed: bool

    @property
    def status(self) -> int:
        return int(self.text.split(b" ", 2)[1]) if self.text else 0

    @property
    def body(self) -> bytes:
        return self.text.partition(b"\r\n\r\n")[2]

    @property
    def problem(self) -> Any:
        return canonical.loads(self.body, limit=10_000)


async def raw(sim: Simulator, sent: bytes, *, seconds: float = 0.5, stay: bool = False) -> Raw:
    """Send bytes as they are; read until the hub closes or `seconds` pass in silence."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    try:
        writer.write(sent)
        text = b""
        while True:
            try:
                async with asyncio.timeout(seconds):
                    found = await reader.read(65536)
            except TimeoutError:
                return Raw(text, closed=False)
            except ConnectionError:
                return Raw(text, closed=True)
            if not found:
                return Raw(text, closed=True)
            text += found
            if not stay and complete(text):
                seconds = 0.1  # an answer is there; a close follows at once or not at all
    finally:
        writer.close()


def complete(text: bytes) -> bool:
    found, _, body = text.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", found)
    return length is not None and len(body) >= int(length[1])


def head(sim: Simulator, *lines: str, target: str = "/healthz", method: str = "GET") -> bytes:
    """Return a request head with a proper Host and other lines."""
    first = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{sim.port}"]
    return "\r\n".join([*first, *lines, "", ""]).encode("latin-1")
