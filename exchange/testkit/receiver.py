"""Fakes of what a delivery connects to: a real server on loopback, and systems that fail it."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeAlias

from exchange.errors import Unavailable

Serve: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Serves one connection, as for `asyncio.start_server`."""


class Receiver:
    """The other system, in a thread of its own; as `Connections`, every name leads to it.

    A context manager. It serves connections itself with `serve`, or leads to a server of yours.
    """

    def __init__(
        self,
        serve: Serve | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        at: tuple[str, int] | None = None,
    ) -> None:
        """Prepare it; nothing runs before the context is entered.

        Args:
            serve: called for each connection, in the receiver's thread.
            tls: of a server, if the receiver speaks TLS.
            at: host and port of a server of yours, instead of `serve`.
        """
        if (serve is None) == (at is None):
            raise TypeError("a receiver serves itself, or leads to a server of yours")
        self._serve, self._tls, self._at = serve, tls, at
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread
        self._server: asyncio.Server | None = None
        self._writers = set[asyncio.StreamWriter]()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        if self._serve is not None:
            self._at = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where the other system listens."""
        if self._at is None:
            raise RuntimeError("a receiver runs inside its context")
        return self._at

    async def connect(self, name: str) -> socket.socket:
        """Return a socket connected to the other system, whatever the name.

        Raises:
            Unavailable: nobody listens there.
        """
        # In the receiver's thread: it is the gateway that dials, never the adapter.
        dialled = asyncio.run_coroutine_threadsafe(self._dial(), self._loop)
        return await asyncio.wrap_future(dialled)

    async def _dial(self) -> socket.socket:
        dialled = socket.socket()
        dialled.setblocking(False)
        try:
            await self._loop.sock_connect(dialled, self.address)
        except OSError:
            dialled.close()
            raise Unavailable("nobody listens there") from None
        return dialled

    async def _listen(self) -> tuple[str, int]:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._tls)
        host, port = self._server.sockets[0].getsockname()
        return str(host), int(port)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._serve is not None:
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0)  # the loop closes what was aborted in its next turn


class Nobody:
    """`Connections` of a system that is switched off."""

    async def connect(self, name: str) -> socket.socket:
        """Find nobody.

        Raises:
            Unavailable: always.
        """
        raise Unavailable("nobody listens there")


class HangsUp:
    """`Connections` of a system that ends every connection before it has said a word."""

    async def connect(self, name: str) -> socket.socket:
        """Return a socket whose other end is closed."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with contextlib.suppress(OSError):
            theirs.shutdown(socket.SHUT_RDWR)
        theirs.close()
        return ours
