"""A62 A63 A64 A65 A66: what the hub fetches from witnesses leads to witnesses and nowhere else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from exchange.audit.note import verifying, write_vkey
from exchange.audit.policy import read_policy
from exchange.audit.submission import MOST_BYTES
from exchange.errors import Misconfigured, Unavailable
from exchange.hub.ask_witness import Answer, check_addresses, session
from exchange.hub.plain_address import is_plain
from tests.logs import LOG_KEY, ORIGIN, WITNESS_KEY

pytestmark = pytest.mark.ssrf

PROMPT_S = 5.0
"""More than a local answer takes on a busy machine."""


@pytest.mark.parametrize(
    "url",
    [
        "https://witness.example/",
        "https://witness.example:8443/path/",
        "https://10.1.2.3/",
        "https://[2001:db8::1]/",
        "http://127.0.0.1:8720/",
        "http://[::1]/",
        "http://localhost:8720/",
    ],
)
def test_an_address_that_means_one_thing_is_admitted(url: str) -> None:
    assert is_plain(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://witness.example/",
        "http://10.1.2.3/",
        "ftp://witness.example/",
        "file:///etc/passwd",
        "https://",
        "https://user@witness.example/",
        "https://witness.example@127.0.0.1/",
        "https://witness.example/?q",
        "https://witness.example/#f",
        "https://witness.example:0/",
        "https://witness.example:99999/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://127.1/",
        "https://017700000001/",
        "https://127.0.0.1.0x1/",
        "https://1.2.3.4./",
        "https://\N{FULLWIDTH DIGIT ONE}27.0.0.1/",
        "https://127\N{IDEOGRAPHIC FULL STOP}0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "http://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/",
        "https://[fe80::1]/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://wit ness.example/",
        "https://witness.example/a\nb",
        "https://witness.example\t/",
        " https://witness.example/",
        "https://wit%6eess.example/",
        "https://witness_1.example/",
        "https://[::1/",
    ],
)
def test_an_address_that_could_mean_another_thing_is_refused(url: str) -> None:
    assert not is_plain(url)


def test_a_policy_with_such_an_address_does_not_start_and_is_not_quoted() -> None:
    log, witness = (write_vkey(verifying(key)) for key in (LOG_KEY, WITNESS_KEY))
    text = f"log {log}\nwitness a {witness} https://secret@host.example/\nquorum a\n"

    with pytest.raises(Misconfigured, match="witness a") as found:
        check_addresses(read_policy(text.encode()))
    assert "secret" not in str(found.value)


class Names(AbstractResolver):
    """Names of tests; each look-up gives the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the next answer."""
        return [
            ResolveResult(
                hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for one in self.answers.pop(0)
        ]

    async def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "169.254.169.254",  # noqa: S104 - nobody listens
        "224.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "::7f00:1", "fec0::1",
    ],
)  # fmt: skip
async def test_a_name_that_leads_back_is_connected_to_by_nobody(address: str) -> None:
    async with listening(_ok) as (port, asked):
        for answer in ([address], ["192.0.2.1", address]):  # one bad answer refuses all
            async with session(PROMPT_S, Names(answer)) as calls:
                with pytest.raises(Unavailable):
                    await calls.add(f"http://witness.example:{port}/", b"x")
    assert asked == []


async def test_a_name_that_changes_between_two_looks_is_refused_the_second_time() -> None:
    names = Names(["192.0.2.1"], ["127.0.0.1"])
    async with listening(_ok) as (port, asked):
        for _ in range(2):
            async with session(0.2, names) as calls:
                with pytest.raises(Unavailable):
                    await calls.add(f"http://witness.example:{port}/", b"x")
    assert names.answers == []
    assert asked == []


async def test_this_machine_is_reached_where_the_policy_names_it() -> None:
    async with listening(_ok) as (port, asked), session(PROMPT_S) as calls:
        for host in ("127.0.0.1", "localhost"):
            assert await calls.add(f"http://{host}:{port}/", b"x") == Answer(200, b"ok")
    assert len(asked) == 2


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(answering: Answering) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Yield the port of somebody who answers as it likes, and the request lines it got."""
    asked: list[bytes] = []

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            await answering(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


async def _ok(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\nok"
    )
    await writer.drain()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_followed_elsewhere(status: int) -> None:
    async with listening(_ok) as (inside, asked):

        async def away(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            where = f"http://127.0.0.1:{inside}/"
            head = f"HTTP/1.1 {status} Away\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n"
            writer.write(head.encode())
            await writer.drain()

        async with listening(away) as (port, _), session(PROMPT_S) as calls:
            assert (await calls.add(f"http://127.0.0.1:{port}/", b"x")).status == status
            assert await calls.held(f"http://127.0.0.1:{port}/", ORIGIN) is None
    assert asked == []


async def _endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()


async def _dribbling(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _flooding(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        await writer.drain()
        await asyncio.sleep(0)


async def _misframed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nxxxxxxx")
    await writer.drain()


async def _silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("answering", [_endless, _dribbling, _flooding, _misframed, _silent])
async def test_an_answer_has_an_end_in_time_and_in_size(answering: Answering) -> None:
    loop = asyncio.get_running_loop()
    async with listening(answering) as (port, _), session(0.5) as calls:
        began = loop.time()
        with pytest.raises(Unavailable):
            await calls.add(f"http://127.0.0.1:{port}/", b"x")
        assert loop.time() - began < 10 * PROMPT_S


async def test_a_compressed_answer_is_not_unpacked() -> None:
    async def bomb(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"\x1f\x8b" + b"\x00" * 1000
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async with listening(bomb) as (port, _), session(PROMPT_S) as calls:
        answer = await calls.add(f"http://127.0.0.1:{port}/", b"x")
    assert len(answer.body) == 1002 < MOST_BYTES


async def test_cookies_and_the_environment_have_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    async with listening(_ok) as (port, asked), session(PROMPT_S) as calls:
        for _ in range(2):
            await calls.add(f"http://127.0.0.1:{port}/", b"x")

    assert len(asked) == 2
    assert not any(b"cookie" in one.lower() for one in asked)
