"""exchange.testkit.delivery: each check fails for a delivery that breaks it."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import Unavailable
from exchange.hookspecs import Connections, DeliveredFolder
from exchange.registry import Named
from exchange.testing import DeliveryContract, Receiver, delivered_of
from tests.unit.testkit.failing import checks, failing, loaded


class Contract(DeliveryContract):
    __test__ = False
    plugin = key = "lines"


class Lines:
    """A receiver that takes an id and a length in one line, then the content, then says so."""

    def __init__(self) -> None:
        self.has: dict[str, list[bytes]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        id_, size = (await reader.readline()).decode().split()
        content = await reader.readexactly(int(size))
        self.has.setdefault(id_, [content])
        writer.write(b"taken\n")
        await writer.drain()


class Good:
    """A delivery that keeps the contract."""

    key = "lines"

    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> None:
        content = delivered.files[0].path.read_bytes()
        await self.hand(delivered.disclosure_id, content, connections)

    async def hand(self, id_: str, content: bytes, connections: Connections) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=await connections.connect("desk"))
            writer.write(f"{id_} {len(content)}\n".encode() + content)
            await writer.drain()
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
        except OSError:
            raise Unavailable from None
        if answer != b"taken\n":
            raise Unavailable


class Short(Good):
    async def hand(self, id_: str, content: bytes, connections: Connections) -> None:
        await super().hand(id_, content[:-1], connections)


class Renaming(Good):
    calls = 0

    async def hand(self, id_: str, content: bytes, connections: Connections) -> None:
        self.calls += 1
        await super().hand(f"{id_}-{self.calls}" if self.calls > 1 else id_, content, connections)


class Elsewhere(Good):
    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> None:
        await super().deliver(delivered, connections)
        (await connections.connect("elsewhere")).close()


class Idle(Good):
    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> None:
        """Do nothing."""


class Rash(Good):
    async def hand(self, id_: str, content: bytes, connections: Connections) -> None:
        try:
            await super().hand(id_, content, connections)
        except Unavailable as error:
            raise ValueError from error


class Trusting(Good):
    """Asks for no answer, and so takes a broken connection for success."""

    async def hand(self, id_: str, content: bytes, connections: Connections) -> None:
        with await connections.connect("desk") as desk:
            desk.setblocking(True)
            try:
                desk.sendall(f"{id_} {len(content)}\n".encode() + content)
                desk.recv(10)
            except OSError:
                return


class Spoiling(Good):
    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> None:
        await super().deliver(delivered, connections)
        delivered.files[0].path.write_bytes(b"spoilt")


class Dialling(Good):
    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> None:
        await super().deliver(delivered, connections)
        with socket.socket() as dialled:
            dialled.connect_ex(("127.0.0.1", 9))


class Misnamed(Good):
    key = "other"


@contextmanager
def failures(
    adapter: Callable[[], Good], tmp_path: Path, *, declared: bool = True
) -> Iterator[set[str]]:
    opened: list[Receiver] = []

    def brings(home: Path) -> Mapping[str, Any]:
        lines = Lines()
        opened.append(Receiver(lines.serve).__enter__())
        (home / "folder").mkdir()
        return {
            "adapter": adapter(),
            "delivered": delivered_of(home / "folder", Contract.files),
            "connections": opened[-1],
            "received": lambda: lines.has,
            "named": Named(name="lines", addresses={"desk": "desk.example:7"}),
            "loaded": loaded("lines", sees_plaintext=declared),
        }

    try:
        yield failing(Contract, brings, tmp_path)
    finally:
        for receiver in opened:
            receiver.__exit__(None, None, None)


WHOLE = "test_what_is_delivered_arrives_whole"
ALONE = "test_nothing_is_written_or_started_and_nobody_else_is_asked"
BREACHES: Mapping[str, tuple[str, type[Good]]] = {
    "key": (WHOLE, Misnamed),
    "short": (WHOLE, Short),
    "renaming": ("test_twice_is_once_and_another_is_another", Renaming),
    "elsewhere": ("test_it_connects_to_the_addresses_of_its_settings_only", Elsewhere),
    "idle": ("test_it_connects_to_the_addresses_of_its_settings_only", Idle),
    "rash": ("test_nobody_listening_is_temporary", Rash),
    "trusting": ("test_a_connection_that_ends_too_soon_is_temporary", Trusting),
    "spoiling": (ALONE, Spoiling),
    "dialling": (ALONE, Dialling),
}


def test_a_good_delivery_passes(tmp_path: Path) -> None:
    with failures(Good, tmp_path) as failed:
        assert failed == set()


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_fails_its_check(breach: str, tmp_path: Path) -> None:
    check, adapter = BREACHES[breach]
    with failures(adapter, tmp_path) as failed:
        assert check in failed


def test_a_delivery_that_hides_what_it_sees_fails(tmp_path: Path) -> None:
    with failures(Good, tmp_path, declared=False) as failed:
        assert failed == {"test_it_declares_what_it_sees"}


def test_every_check_is_failed_by_a_breach() -> None:
    proven = {check for check, _ in BREACHES.values()} | {"test_it_declares_what_it_sees"}
    assert proven == checks(Contract)
