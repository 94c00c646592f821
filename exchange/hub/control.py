"""The control socket: how commands of the operator reach the running hub.

A unix socket in the hub's home, mode 0600: whoever may open it could as well change the files.
There is no administrative route over TCP. One line of JSON in, one line of JSON out.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from exchange import canonical
from exchange.errors import ExchangeError, Malformed, Unavailable
from exchange.wire.problems import from_problem, to_problem

SOCKET = "control.sock"
LARGEST = 64 * 1024
"""Bytes of one line; an identity card has 2.8 kB."""
ANSWER_S = 30.0
"""Seconds a command waits for the hub."""

Answer: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[canonical.Json]]


@contextmanager
def _short(home: Path) -> Iterator[str]:
    """Yield a path of the socket that is short enough: the kernel admits 107 bytes."""
    directory = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{SOCKET}"
    finally:
        os.close(directory)


@asynccontextmanager
async def listening(home: Path, answer: Answer) -> AsyncIterator[None]:
    """Answer commands at the control socket in `home` while the block runs.

    The caller holds the lock of the database, so a socket that lies there is a dead one.
    """
    log = structlog.get_logger("exchange.hub.control")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = canonical.loads(await reader.readline(), limit=LARGEST)
            if not isinstance(asked, dict):
                raise Malformed("a command is an object")
            told: dict[str, canonical.Json] = {"answer": await answer(asked)}
        except ExchangeError as error:
            told = {"problem": to_problem(error), "text": str(error)}
        except ValueError:  # a line without end
            told = {"problem": to_problem(Malformed()), "text": "the command is too long"}
        log.info("command", code="refused" if "problem" in told else "done")
        writer.write(canonical.encode(told) + b"\n")
        await writer.drain()
        writer.close()

    (home / SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    with _short(home) as path:
        before = os.umask(0o177)  # the socket is never open to others, not even for a moment
        try:
            listener.bind(path)
        finally:
            os.umask(before)
    server = await asyncio.start_unix_server(serve, sock=listener, limit=LARGEST)
    try:
        yield
    finally:
        server.close()
        (home / SOCKET).unlink(missing_ok=True)


def ask(home: Path, command: Mapping[str, canonical.Json]) -> Any:
    """Return what the hub running in `home` answers to `command`.

    Raises:
        ConnectionError: no hub runs there.
        Unavailable: it does not answer.
        ExchangeError: what the hub refused, as the same class.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(ANSWER_S)
        try:
            with _short(home) as path:
                channel.connect(path)
        except (FileNotFoundError, ConnectionError):
            raise ConnectionRefusedError from None
        try:
            channel.sendall(canonical.encode(command) + b"\n")
            line = b"".join(iter(lambda: channel.recv(65536), b""))
        except OSError:
            raise Unavailable("the hub does not answer at its control socket") from None
    told = canonical.loads(line, limit=LARGEST)
    if not isinstance(told, dict) or not told.keys() & {"answer", "problem"}:
        raise Unavailable("the hub gave no answer at its control socket")
    if "problem" in told:
        raise type(from_problem(told["problem"]))(str(told.get("text", "")))
    return told["answer"]
