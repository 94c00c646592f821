"""An evil hub below the API: what no honest hub answers ends with a code, in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime

import pytest

from exchange.agency.calls import Credentials, Patience
from exchange.agency.client import HubClient, connect
from exchange.agency.settings import HubSection
from exchange.errors import ClockWrong, HubMisbehaves, Unavailable
from tests.agency.network import NOW

DEADLINE_S = 1.0
LATE_S = 30.0
"""How late a busy machine may see a deadline: what misbehaves in time goes on for five minutes."""
BODY = b'{"status":"ok"}'
Speak = Callable[[asyncio.StreamWriter], Awaitable[None]]


def head(*lines: str, status: str = "200 OK", date: str | None = None) -> bytes:
    """Return an answer's head with an honest date unless another is given."""
    said = format_datetime(NOW, usegmt=True) if date is None else date
    dated = [f"Date: {said}"] if said else []
    return "\r\n".join([f"HTTP/1.1 {status}", *dated, *lines, "", ""]).encode()


def says(data: bytes) -> Speak:
    """Return a hub that answers these bytes."""

    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return speak


def json_answer(body: bytes, *lines: str) -> Speak:
    """Return a hub that answers JSON."""
    return says(
        head("Content-Type: application/json", f"Content-Length: {len(body)}", *lines) + body
    )


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(head("Content-Type: application/json", "Transfer-Encoding: chunked"))
    while True:
        writer.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
        await writer.drain()


async def slow(writer: asyncio.StreamWriter) -> None:
    writer.write(head("Content-Type: application/json", "Content-Length: 1500"))
    while True:
        await asyncio.sleep(0.2)
        writer.write(b" ")
        await writer.drain()


async def silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
        await writer.drain()
        # Never silent, and never more than a processor shared by both sides can read: else the
        # test would measure this machine.
        await asyncio.sleep(0.002)


DEEP = b'{"status":' * 12 + b'"ok"' + b"}" * 12

MISBEHAVIOUR = {
    "redirect": says(head("Location: http://127.0.0.1:1/", "Content-Length: 0", status="307 X")),
    "redirect to another host": says(
        head("Location: https://evil.example/", "Content-Length: 0", status="302 Found")
    ),
    "endless": endless,
    "slow": slow,
    "silent": silent,
    "1xx flood": flood,
    "deep": json_answer(DEEP),
    "duplicate member": json_answer(b'{"status":"ok","status":"ok"}'),
    "unknown member": json_answer(b'{"status":"ok","more":1}'),
    "unknown state": json_answer(b'{"status":"fine"}'),
    "not json": json_answer(b"{"),
    "too large": json_answer(b'{"status":"ok"' + b" " * 70_000 + b"}"),
    "gzip": json_answer(BODY, "Content-Encoding: gzip"),
    "cookie": json_answer(BODY, "Set-Cookie: a=b"),
    "trailer": json_answer(BODY, "Trailer: X-More"),
    "html": says(head("Content-Type: text/html", "Content-Length: 2") + b"ok"),
    "refusal without a problem": says(head("Content-Length: 0", status="403 Forbidden")),
    "no date": says(head("Content-Type: application/json", "Content-Length: 15", date="") + BODY),
    "not http": says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
}


@asynccontextmanager
async def hub(speak: Speak) -> AsyncIterator[HubClient]:
    """Yield a client of a hub that speaks like this on a real socket."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await speak(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    credentials = Credentials(assertion=lambda _issuer, _now: "a.b.c", issuer="x")
    try:
        async with connect(
            f"http://127.0.0.1:{port}",
            credentials,
            clock=lambda: NOW,
            patience=Patience(attempts=1, deadline_s=DEADLINE_S),
        ) as client:
            yield client
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("name", MISBEHAVIOUR)
async def test_h27_h28_h29_what_no_hub_answers_is_used_for_nothing_and_ends_in_time(
    name: str,
) -> None:
    began = time.monotonic()

    async with hub(MISBEHAVIOUR[name]) as client:
        with pytest.raises(HubMisbehaves):
            await client.healthz()

    assert time.monotonic() - began < DEADLINE_S + LATE_S


async def test_an_honest_answer_is_believed() -> None:
    async with hub(json_answer(BODY)) as client:
        assert (await client.healthz()).status == "ok"


async def test_the_token_is_asked_for_under_the_same_rules() -> None:
    async with hub(MISBEHAVIOUR["redirect"]) as client:
        with pytest.raises(HubMisbehaves):
            await client.access_token()


@pytest.mark.parametrize("minutes", [6, -6])
async def test_h30_a_clock_six_minutes_apart_stops_everything(minutes: int) -> None:
    date = format_datetime(NOW + timedelta(minutes=minutes), usegmt=True)
    lines = ("Content-Type: application/json", "Content-Length: 15")

    async with hub(says(head(*lines, date=date) + BODY)) as client:
        with pytest.raises(ClockWrong) as wrong:
            await client.healthz()

    assert wrong.value.reason == "clock"
    assert str(wrong.value) == (
        "the clock of this machine says 2026-03-03 10:00:00 UTC, the hub's "
        f"{NOW + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S} UTC; "
        "set the wrong one right, then try again"
    )


async def test_a_hub_that_hangs_up_is_unavailable_and_not_evil() -> None:
    async with hub(says(b"")) as client:
        with pytest.raises(Unavailable):
            await client.healthz()


async def test_a_proxy_without_a_hub_behind_it_is_unavailable() -> None:
    async with hub(says(head("Content-Length: 0", status="502 Bad Gateway"))) as client:
        with pytest.raises(Unavailable):
            await client.healthz()


@pytest.mark.parametrize(
    "origin",
    [
        "http://hub.example",
        "ftp://hub.example",
        "https://hub.example/path",
        "https://user@hub.example",
        "https://",
        "hub.example",
    ],
)
def test_h27_plain_http_and_other_places_are_not_settings(origin: str) -> None:
    with pytest.raises(ValueError, match="https"):
        HubSection(origin=origin)


@pytest.mark.parametrize("origin", ["https://hub.example", "http://127.0.0.1:8700", "http://[::1]"])
def test_https_and_this_machine_itself_are(origin: str) -> None:
    assert HubSection(origin=f"{origin}/").origin == origin
