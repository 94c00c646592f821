"""One connection of a client: deadlines, caps and constant answers that aiohttp does not have.

aiohttp has no deadline for a request head, no cap on connections, and answers what its parser
refuses with the refused bytes. This is the one module that uses names aiohttp keeps private;
tests/hub/test_connection.py fails on an upgrade that renames them.

Never logs or answers a byte of what a client sent.
"""

import asyncio
import ipaddress
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from exchange.canonical import encode
from exchange.serving.bounds import Deadlines, Places
from exchange.serving.cut import cut
from exchange.wire import problems

MOST_LINES = 128
"""Header lines aiohttp parses at all; `front` answers 431 above half of that."""
TOO_MANY_LINES = "Too many headers received"
"""What aiohttp's parser says of more than `MOST_LINES`."""
LINE_LIMIT = 8190
"""Bytes of one line of a request head: aiohttp's and Apache's default."""

UNDER_WAY_S = 0.02
"""Seconds between two looks whether the last request of a connection is answered."""
CANCELLING_S = 0.5
"""Seconds a handler gets to end when its time is over."""
LINGER_S = 5.0
"""Seconds a refused body is read on and thrown away, so that its sender gets the answer."""

LOGGER = "exchange.serving"
"""Names what happens before anybody knows which route is asked for."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Doorkeeper:
    """Counts open connections, in all and by address, and says when there are too many."""

    def __init__(self, listen: Places, http: Deadlines) -> None:
        self._listen = listen
        self._proxies = [ipaddress.ip_network(text, strict=False) for text in http.trusted_proxies]
        self._open: Counter[str] = Counter()

    def admit(self, address: str) -> bool:
        """Count a new connection from `address`; False if it must be closed at once."""
        self._open[address] += 1
        if self._open.total() > self._listen.connections:
            return False
        here = self._open[address] <= self._listen.connections_per_address
        return here or self._is_proxy(address)

    def leave(self, address: str) -> None:
        """Forget a closed connection that was counted."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:  # a unix socket has no address
            return False
        return any(found in network for network in self._proxies)


class Connection(RequestHandler):
    """aiohttp's protocol of one connection, with deadlines for heads and for unread answers."""

    __slots__ = ("_address", "_doorkeeper", "_head_deadline", "_http")

    def __init__(
        self, manager: "OurServer", *, doorkeeper: Doorkeeper, http: Deadlines, **settings: Any
    ) -> None:
        super().__init__(manager, **settings)
        self._doorkeeper = doorkeeper
        self._http = http
        self._head_deadline: asyncio.TimerHandle | None = None
        self._address: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection; cut it at once if there are too many."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._doorkeeper.admit(self._address):
            cut(self.transport)
            return
        if self._address:
            _expect_reading(transport, self._http.stall_s)
        self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection and its deadline."""
        self._disarm()
        if self._address is not None:
            self._doorkeeper.leave(self._address)
            self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; from the first byte of a head the rest has `head_s` seconds."""
        super().data_received(data)
        if self._waiter is not None and not self._waiter.done() and not self._messages:
            if data and self._head_deadline is None:
                self._expect_head()
        elif self._messages or self._current_request is not None:
            self._disarm()

    def close_if_idle(self) -> None:
        """Close, unless a request is under way: aiohttp drops what arrives of it from then on."""
        if not self._under_way():
            self.close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - its name
        """Let what is under way arrive and be answered for `timeout` seconds, then close."""
        try:
            async with asyncio.timeout(timeout):
                while self._under_way():  # noqa: ASYNC110 - aiohttp tells nobody
                    await asyncio.sleep(UNDER_WAY_S)
        except TimeoutError:
            timeout = CANCELLING_S
        await super().shutdown(timeout)

    def _under_way(self) -> bool:
        return bool(self._request_in_progress or self._messages)

    def _expect_head(self) -> None:
        self._head_deadline = self._loop.call_later(self._http.head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_deadline = None
        if self._current_request is None and not self._messages:
            cut(self.transport)

    def _disarm(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser refused with a constant problem, and close."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        if status == web.HTTPBadRequest.status_code and _too_large(exc):
            status = 431
        return refusal(status)

    def log_exception(self, *_args: Any, **_named: Any) -> None:
        """Write nothing: the texts and causes here quote what a client sent."""


def _expect_reading(transport: asyncio.BaseTransport, seconds: float) -> None:
    # The kernel resets a connection whose peer leaves bytes unread for so long (tcp(7)), also
    # when the transport is closing: otherwise a client that never reads would be kept for ever.
    found = transport.get_extra_info("socket")
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def refusal(status: int) -> web.Response:
    """Return a constant problem, after which the connection is closed; log that it happened."""
    structlog.get_logger(LOGGER).info("unreadable", status=status)
    refused = web.Response(
        status=status,
        body=encode(problems.http_problem(status)),
        content_type=problems.MEDIA_TYPE,
        headers={"Server": "exchange", "Cache-Control": "no-store"},
    )
    refused.force_close()
    return refused


def expecting(handler: Handler) -> Handler:
    """Return `handler` behind a check of `Expect`: aiohttp answers it first, and quotes it."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get("Expect", "100-continue")
        if expected.lower() != "100-continue":
            return refusal(417)
        return await handler(request)

    return answer


def _too_large(refused: BaseException | None) -> bool:
    # Of too many lines the parser tells by its text alone; that text is a constant.
    return isinstance(refused, LineTooLong) or (
        isinstance(refused, BadHttpMessage) and refused.message == TOO_MANY_LINES
    )


class OurServer(Server):
    """aiohttp's server, making `Connection`s."""

    def __init__(self, stock: Server, *, doorkeeper: Doorkeeper, http: Deadlines) -> None:
        super().__init__(
            expecting(stock.request_handler),
            request_factory=stock.request_factory,
            handler_cancellation=stock.handler_cancellation,
            loop=stock._loop,  # noqa: SLF001 - see the module's docstring
            **stock._kwargs,  # noqa: SLF001
        )
        self._doorkeeper = doorkeeper
        self._http = http

    def pre_shutdown(self) -> None:
        """Close what is idle; the process is stopping."""
        for one in tuple(self._connections):
            if isinstance(one, Connection):
                one.close_if_idle()

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return Connection(
            self,
            doorkeeper=self._doorkeeper,
            http=self._http,
            loop=self._loop,
            **self._kwargs,
        )


class Runner(web.AppRunner):
    """Serves an application with the limits and deadlines of `settings`."""

    __slots__ = ("_http", "_listen")

    def __init__(self, app: web.Application, listen: Places, http: Deadlines) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=http.idle_s,
            lingering_time=min(LINGER_S, http.body_s),
            max_headers=MOST_LINES,
            max_line_size=LINE_LIMIT,
            max_field_size=LINE_LIMIT,
            shutdown_timeout=http.shutdown_s,
        )
        self._listen = listen
        self._http = http

    async def _make_server(self) -> Server:
        stock = await super()._make_server()
        doorkeeper = Doorkeeper(self._listen, self._http)
        return OurServer(stock, doorkeeper=doorkeeper, http=self._http)
