"""What the shipped proxies refuse, cut, hide and pass on."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from exchange.wire import routes
from tests.bench.processes import MIB
from tests.deploy.deployed import Deployed, visitor
from tests.deploy.proxies import HOST, NGINX, Proxy, proxy
from tests.deploy.test_journeys import sealed
from tests.needs import tool
from tests.ports import free_port
from tests.simulator import RECIPIENT, SENDER

PATIENCE_S = 30.0
TOKEN_PATH = "/oauth2/token"
FORM = {"Content-Type": routes.FORM}
LIMIT = 64
"""Requests that nginx takes from one address at the same time."""


def curl(proxy: Proxy, *arguments: str, name: str = HOST) -> "subprocess.CompletedProcess[str]":
    """Run a stock client, which finds `name` at the proxy."""
    ports = (proxy.port, proxy.plain)
    found = [part for port in ports for part in ("--resolve", f"{name}:{port}:127.0.0.1")]
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--cacert", str(proxy.authority), *found, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 2,
        check=False,
    )


@tool("curl", "curl")
async def test_a_stock_client_sends_and_fetches_over_http2_and_tls13(
    net: Deployed, tmp_path: Path
) -> None:
    letter = net.letter(net.given.digest, sealed=sealed(2 * MIB))
    (tmp_path / "letter").write_bytes(letter.one_shot)
    modern = ("--http2", "--tlsv1.3", "--write-out", "%{http_code} %{http_version}")

    sent = curl(
        net.proxy,
        *modern,
        *("--header", f"Authorization: Bearer {net.token(SENDER)}"),
        *("--header", f"Content-Type: {routes.DISCLOSURE}"),
        *("--data-binary", f"@{tmp_path / 'letter'}"),
        *("--output", str(tmp_path / "answer")),
        f"{net.origin}/v1/disclosures",
    )
    fetched = curl(
        net.proxy,
        *modern,
        *("--header", f"Authorization: Bearer {net.token(RECIPIENT)}"),
        *("--output", str(tmp_path / "payload")),
        f"{net.origin}/v1/disclosures/{letter.id}/payload",
    )

    assert sent.stdout == "201 2", sent.stderr
    assert fetched.stdout == "200 2", fetched.stderr
    assert (tmp_path / "payload").read_bytes() == letter.payload


@tool("curl", "curl")
def test_an_old_tls_and_a_foreign_name_get_no_connection(serving: Deployed) -> None:
    where = f"{serving.origin}/healthz"
    other = where.replace(HOST, "other.example")

    assert curl(serving.proxy, where).returncode == 0
    assert curl(serving.proxy, "--tls-max", "1.2", where).returncode == 0
    old = curl(serving.proxy, "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0", where)
    assert "alert" in old.stderr
    foreign = curl(serving.proxy, "--insecure", other, name="other.example")
    assert foreign.returncode == old.returncode == 35  # curl: the TLS handshake failed


@tool("curl", "curl")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", f"308 https://{HOST}/"),
        ("/p/", f"308 https://{HOST}/p/"),
        ("/v1/inbox", "403 "),
        ("/healthz", "403 "),
    ],
)
def test_without_tls_people_are_led_on_and_programs_refused(
    serving: Deployed, path: str, expected: str
) -> None:
    asked = ("--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}")

    found = curl(serving.proxy, *asked, f"http://{HOST}:{serving.proxy.plain}{path}")

    assert found.stdout == expected


async def test_whether_the_hub_is_ready_is_not_for_the_public(net: Deployed) -> None:
    async with net.http.get(f"{net.origin}/readyz") as found:
        assert found.status == 404
    async with net.http.get(f"{net.origin}/healthz") as found:
        assert found.status == 200


async def test_each_address_has_its_own_limit_and_cannot_claim_another(net: Deployed) -> None:
    async def statuses(address: str, count: int, **headers: str) -> list[int]:
        found = []
        async with visitor(net.proxy, address) as http:
            for number in range(count):
                named = {name: text.format(n=number) for name, text in headers.items()}
                url = net.origin + TOKEN_PATH
                async with http.post(url, data=b"", headers={**FORM, **named}) as answer:
                    found.append(answer.status)
        return found

    greedy = await statuses("127.0.0.2", 12)
    liar = await statuses("127.0.0.2", 12, **{"X-Forwarded-For": "203.0.113.{n}"})

    assert 429 in greedy
    assert 429 in liar
    assert await statuses("127.0.0.3", 1) == [400]


@asynccontextmanager
async def connected(
    where: Proxy, sent: str = "", *, tls: bool = True
) -> AsyncIterator[asyncio.StreamReader]:
    """Connect, send by hand, and read as little as possible beforehand."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", where.port))
    reader, writer = await asyncio.open_connection(
        sock=own,
        ssl=where.trusted() if tls else None,
        server_hostname=HOST if tls else None,
        limit=4096,
    )
    try:
        writer.write(sent.replace("\n", "\r\n").encode())
        yield reader
    finally:
        writer.transport.abort()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the other side closes, in time."""
    got = b""
    async with asyncio.timeout(PATIENCE_S):
        with suppress(ConnectionError, ssl.SSLError):
            while piece := await reader.read(1 << 16):
                got += piece
    return got


async def answered(where: Proxy, sent: str = "", *, tls: bool = True) -> bytes:
    """Connect, send, and return what comes until the other side closes."""
    async with connected(where, sent, tls=tls) as reader:
        return await rest(reader)


async def test_slow_clients_are_cut_and_others_are_served(
    net: Deployed, kind: str, tmp_path: Path
) -> None:
    letter = await net.sent(net.given, sealed=sealed(16 * MIB))
    host = f"Host: {HOST}:{net.proxy.port}\n"
    head = f"POST {TOKEN_PATH} HTTP/1.1\n{host}Content-Type: {routes.FORM}\n"
    fetch = f"GET /v1/disclosures/{letter.id}/payload HTTP/1.1\n{host}Authorization: Bearer "
    upstream = f"127.0.0.1:{net.port}"
    with proxy(kind, tmp_path / "proxy", upstream, hurried=True) as found:
        async with connected(found, f"{fetch}{net.token(RECIPIENT)}\n\n") as unread:
            beginning = await unread.readexactly(16)
            slow = asyncio.gather(
                answered(found, tls=False),
                answered(found),
                answered(found, head),
            )
            for _ in range(8):
                asked = f"GET /healthz HTTP/1.1\n{host}Connection: close\n\n"
                assert (await answered(found, asked)).startswith(b"HTTP/1.1 200 ")
                await asyncio.sleep(0.75)
            answers = tuple(await slow)
            got = beginning + await rest(unread)

    assert answers == (b"", b"", b"")
    assert got.startswith(b"HTTP/1.1 200 ")
    assert len(got) < len(letter.payload)


async def test_a_body_that_stalls_does_not_occupy_the_hub(kind: str, tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def hub(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        ended.set()
        writer.close()

    async with await asyncio.start_server(hub, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with proxy(kind, tmp_path / "proxy", f"127.0.0.1:{port}", hurried=True) as found:
            head = f"POST {TOKEN_PATH} HTTP/1.1\nHost: {HOST}:{found.port}\nContent-Length: 100\n"
            async with connected(found, f"{head}\n0123456789") as client:
                await asyncio.wait_for(ended.wait(), PATIENCE_S)
                if kind == "nginx":  # Caddy lets go of the hub alone: docs/deployment.md says so
                    assert await rest(client) == b""


@pytest.mark.parametrize("kind", [NGINX], indirect=True)  # Caddy has no such limit
async def test_one_address_holds_only_so_many_requests_at_nginx(net: Deployed) -> None:
    head = (
        f"POST /v1/decisions HTTP/1.1\nHost: {HOST}:{net.proxy.port}\n"
        f"Authorization: Bearer {net.token(SENDER)}\n"
        f"Content-Type: {routes.JSON}\nContent-Length: 100\n\n{{"
    )
    async with AsyncExitStack() as held:
        connections = [
            await held.enter_async_context(connected(net.proxy, head)) for _ in range(LIMIT + 1)
        ]
        reading = [asyncio.create_task(one.readuntil(b"\r\n\r\n")) for one in connections]
        done, waiting = await asyncio.wait(
            reading, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
        )
        for one in waiting:
            one.cancel()
        await asyncio.wait(reading)
        answer = done.pop().result()

    assert answer.split()[1] == b"429"
    assert b"text/html" in answer  # by the proxy: the hub would have described its problem


async def test_a_dead_process_costs_nobody_an_answer(
    net: Deployed, kind: str, tmp_path: Path
) -> None:
    dead, alive = f"127.0.0.1:{free_port()}", f"127.0.0.1:{net.port}"
    host = f"Host: {HOST}:{net.proxy.port}\nConnection: close\n"
    with proxy(kind, tmp_path / "proxy", dead, alive) as found:
        for ask in (
            f"GET /healthz HTTP/1.1\n{host}\n",
            f"POST /v1/decisions HTTP/1.1\n{host}Content-Length: 2\n\n{{}}",
        ) * 3:
            answer = await answered(found, ask)
            assert answer.split()[1] in {b"200", b"401"}, answer


async def test_the_log_of_the_proxy_names_nobody_who_opened_the_page(
    kind: str, tmp_path: Path
) -> None:
    dead = f"127.0.0.1:{free_port()}"
    with proxy(kind, tmp_path / "proxy", dead, hurried=True) as found:
        async with visitor(found, "127.0.0.5") as http, http.get(f"{found.origin}/p/") as page:
            assert page.status in {502, 503}
        log = found.log.read_text()

    assert "127.0.0.5" not in log
    assert "/p/" not in log
