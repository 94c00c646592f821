"""`exchange hub serve` with two processes on PostgreSQL: ready, commands, the end in good order."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.canonical import encode
from exchange.envelope.padme import padme
from exchange.keyring.ceremony import new_document_key, new_identity
from exchange.members import write_time
from exchange.wire import routes
from tests.replicas.processes import (
    PATIENCE_S,
    SHUTDOWN_S,
    Served,
    alive,
    arranged,
    children,
)
from tests.simulator import RECIPIENT, SENDER, Letter, Office, sealed_to

pytestmark = [pytest.mark.xdist_group("replicas"), pytest.mark.timeout(400)]
EXIT_S = SHUTDOWN_S + 30
"""Within which a hub that was asked to stop has stopped, on a busy machine."""


@pytest.fixture
async def served(tmp_path: Path, postgres_url: str) -> AsyncIterator[Served]:
    """Parties whose hub two processes can serve."""
    async with arranged(tmp_path, postgres_url) as found:
        yield found


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "exchange.cli.main", "hub", *arguments, "--home", str(home)]
    return subprocess.run(line, capture_output=True, timeout=PATIENCE_S, check=False)


async def test_two_processes_serve_obey_and_end_without_losing_a_request(served: Served) -> None:
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(served.home / "told"))
    async with served.serving(NOTIFY_SOCKET=str(served.home / "told")) as hub:
        assert told.recv(100) == b"READY=1"
        told.close()
        assert len(children(hub.pid)) == 2
        await commands_reach_every_process(served)
        until = write_time(served.now + timedelta(days=60))
        consent = await served.consent(valid_until=until)
        letter = await served.sent(consent, sealed=sealed_to(RECIPIENT, bytes(padme(6_000_000))))
        upload = served.letter(consent.digest)

        polling, poller = await asked(served, SENDER, "/v1/inbox?wait=30")
        slow_reader, slow = await opened(served, letter)
        stuck_reader, stuck = await opened(served, letter)
        begun = await asyncio.to_thread(half_sent, served, upload)
        await every_process_answers(served)
        os.kill(hub.pid, signal.SIGTERM)

        polled = await polling.read()  # else it is cut like the one that is stuck
        assert polled.startswith(b"HTTP/1.1 200")
        assert b'"entries":[]' in polled
        poller.close()
        answer = await asyncio.to_thread(the_rest, begun, upload)
        assert answer.startswith(b"HTTP/1.1 201")
        assert b"\r\nConnection: close\r\n" in answer
        assert await received(slow_reader) == letter.payload
        slow.close()
        async with asyncio.timeout(EXIT_S):
            assert await hub.wait() == 0
    got = await received(stuck_reader)
    stuck.close()
    assert 0 < len(got) < len(letter.payload)  # cut, and resumed at the next hub:

    async with served.serving() as again:
        rest = await served.payload(letter, headers={"Range": f"bytes={len(got)}-"})
        assert rest.status == 206
        assert got + rest.body == letter.payload
        workers = children(again.pid)
        os.kill(again.pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            while any(map(alive, workers)):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)


async def commands_reach_every_process(served: Served) -> None:
    """Admit an agency by the command; from then on it is served whichever process it meets."""
    new = Office("clinic-e", new_identity("clinic-e"), new_document_key())
    served.offices[new.agency] = new
    file = served.home / "card.json"
    file.write_bytes(encode(new.identity.card.payload()))
    admitted = await asyncio.to_thread(command, served.home, "admit", str(file))
    assert admitted.returncode == 0, admitted.stderr
    second = await asyncio.to_thread(command, served.home, "serve")
    assert second.returncode == 1
    assert b"a hub runs there already" in second.stderr
    assert second.stderr.count(b"\n") == 1
    async with asyncio.timeout(PATIENCE_S):
        while await answers(served, new.agency) != {200}:
            pass


async def answers(served: Served, agency: str) -> set[int]:
    """Return the statuses of many requests, each on a connection of its own: all are met."""
    calls = [served.call(agency, routes.INBOX) for _ in range(16)]
    return {answer.status for answer in await asyncio.gather(*calls)}


async def every_process_answers(served: Served) -> None:
    """Return when every process has read what was sent to it before."""
    assert await answers(served, SENDER) == {200}


async def asked(
    served: Served, agency: str, path: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1 << 16)
    head = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        f"Authorization: Bearer {served.token(agency)}\r\n\r\n"
    )
    writer.write(head.encode())
    await writer.drain()
    return reader, writer


async def opened(
    served: Served, letter: Letter
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a payload, and read nothing but what comes by itself."""
    reader, writer = await asked(served, RECIPIENT, f"/v1/disclosures/{letter.id}/payload")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def received(reader: asyncio.StreamReader) -> bytes:
    """Return what still arrives, to the end or until the connection is cut."""
    got = b""
    try:
        while chunk := await reader.read(1 << 16):
            got += chunk
    except ConnectionError:
        pass
    return got


def half_sent(served: Served, letter: Letter) -> socket.socket:
    """Begin to disclose, once the hub reads: everything but the last bytes."""
    channel = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S)
    head = (
        f"POST /v1/disclosures HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        f"Authorization: Bearer {served.token(SENDER)}\r\nContent-Type: {routes.DISCLOSURE}\r\n"
        f"Content-Length: {len(letter.one_shot)}\r\nExpect: 100-continue\r\n\r\n"
    )
    channel.sendall(head.encode())
    assert channel.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    channel.sendall(letter.one_shot[:-100])
    return channel


def the_rest(channel: socket.socket, letter: Letter) -> bytes:
    """Send the last bytes and return the whole answer; the hub then closes."""
    with channel:
        channel.sendall(letter.one_shot[-100:])
        return b"".join(iter(lambda: channel.recv(65536), b""))
