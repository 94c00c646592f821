"""exchange.testkit.receiver: a real server, found by name, which ends with its context."""

import asyncio
import ssl

import pytest
import trustme

from exchange.errors import Unavailable
from exchange.testing import HangsUp, Nobody, Receiver


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    await writer.drain()


async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()
    await asyncio.Event().wait()


async def asked(connections: Receiver, tls: ssl.SSLContext | None = None) -> bytes:
    dialled = await connections.connect("desk")
    name = "desk.example" if tls else None
    reader, writer = await asyncio.open_connection(sock=dialled, ssl=tls, server_hostname=name)
    writer.write(b"hello\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_what_serves_is_reached_by_any_name() -> None:
    with Receiver(echo) as receiver:
        assert await asked(receiver) == b"hello\n"
        assert receiver.address[0] == "127.0.0.1"


async def test_a_server_of_the_authors_own_is_reached() -> None:
    with Receiver(echo) as server, Receiver(at=server.address) as receiver:
        assert await asked(receiver) == b"hello\n"


async def test_it_speaks_tls_when_it_is_told_to() -> None:
    authority = trustme.CA()
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("desk.example").configure_cert(there)
    here = ssl.create_default_context()
    authority.configure_trust(here)
    with Receiver(echo, tls=there) as receiver:
        assert await asked(receiver, here) == b"hello\n"


async def test_it_ends_though_a_connection_is_still_served() -> None:
    with Receiver(never) as receiver:
        dialled = await receiver.connect("desk")
    assert dialled.recv(1) == b""
    dialled.close()


async def test_after_its_end_nobody_listens() -> None:
    with Receiver(echo) as receiver:
        address = receiver.address
    with Receiver(at=address) as late, pytest.raises(Unavailable):
        await late.connect("desk")


def test_it_serves_itself_or_leads_to_a_server_and_not_both() -> None:
    with pytest.raises(TypeError):
        Receiver()
    with pytest.raises(TypeError):
        Receiver(echo, at=("127.0.0.1", 9))


def test_outside_its_context_it_has_no_address() -> None:
    with pytest.raises(RuntimeError):
        _ = Receiver(echo).address


async def test_systems_that_fail_do_so() -> None:
    with pytest.raises(Unavailable):
        await Nobody().connect("desk")
    reader, writer = await asyncio.open_connection(sock=await HangsUp().connect("desk"))
    assert await reader.read() == b""
    writer.close()
