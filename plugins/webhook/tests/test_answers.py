"""A65, A66: answers that lead elsewhere, never end, or are no answers. F9: each is tried again."""

import asyncio
import gzip
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from exchange_plugin_webhook import configure
from exchange_plugin_webhook.channel import WebhookChannel

from exchange.canonical import Json
from exchange.errors import Unavailable
from exchange.hookspecs import Notice

pytestmark = pytest.mark.ssrf
Table = dict[str, Json]
Send = Callable[..., Awaitable[None]]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["", "http://127.0.0.1/", "https://169.254.169.254/"])
async def test_no_redirect_is_followed(
    status: int, to: str, settings: Table, receiver: Any, send: Send
) -> None:
    target = to or f"https://localhost:{receiver.port}/again"
    head = f"HTTP/1.1 {status} X\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    receiver.answer = lambda caller: caller.sendall(head.encode())

    with pytest.raises(Unavailable):
        await send(settings)
    assert len(receiver.requests) == 1


def endless(receiver: Any, begin: bytes, piece: bytes, pause: float) -> Any:
    """Return an answer that begins well and never ends."""

    def answer(caller: ssl.SSLSocket) -> None:
        caller.sendall(begin)
        while not receiver.stopping.wait(pause):
            caller.sendall(piece)

    return answer


@pytest.mark.parametrize(
    ("begin", "piece", "pause"),
    [
        (b"", b"", 0.05),  # silent
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.05),  # a head that dribbles
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 4096, 0.0),  # a field without end
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),  # nothing but interim answers
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.001),
    ],
)
async def test_a_head_that_never_ends_costs_the_time_limit_at_most(
    begin: bytes, piece: bytes, pause: float, settings: Table, receiver: Any, send: Send
) -> None:
    receiver.answer = endless(receiver, begin, piece, pause)
    with pytest.raises(Unavailable):
        await send(settings | {"timeout_s": 1})


BOMB = gzip.compress(bytes(1 << 20))


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", bytes(65536)),
        (b"Content-Length: 1099511627776\r\n", bytes(65536)),
        (b"Content-Encoding: gzip\r\n", BOMB),
        (b"Transfer-Encoding: chunked\r\n", b"10000\r\n" + bytes(65536) + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"nonsense"),
        (b"no colon\r\nContent-Length: -1\r\n", b""),
    ],
)
async def test_the_body_of_a_good_answer_is_not_waited_for(
    head: bytes, piece: bytes, settings: Table, receiver: Any, send: Send
) -> None:
    receiver.answer = endless(receiver, b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", piece, 0.0)

    await send(settings)

    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 2\xb20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_tried_again(
    answer: bytes, settings: Table, receiver: Any, send: Send
) -> None:
    receiver.answer = lambda caller: caller.sendall(answer)
    with pytest.raises(Unavailable) as refusal:
        await send(settings)
    assert str(refusal.value) == "the endpoint did not take the notice"
    assert refusal.value.__suppress_context__


async def test_an_interim_answer_is_passed_over(settings: Table, receiver: Any, send: Send) -> None:
    receiver.answer = lambda caller: caller.sendall(
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
    )
    await send(settings)


async def test_no_cookie_is_kept(
    settings: Table, receiver: Any, send: Send, notice: Callable[..., Notice]
) -> None:
    receiver.answer = lambda caller: caller.sendall(
        b"HTTP/1.1 204 X\r\nSet-Cookie: a=b; Domain=localhost\r\nConnection: close\r\n\r\n"
    )
    channel = WebhookChannel(configure.read(settings))
    for _ in range(2):
        async with asyncio.timeout(60):
            await channel.send(notice())

    assert all("cookie" not in request.headers for request in receiver.requests)


async def test_no_proxy_of_the_environment_is_used(
    settings: Table, receiver: Any, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    await send(settings)

    assert len(receiver.requests) == 1
