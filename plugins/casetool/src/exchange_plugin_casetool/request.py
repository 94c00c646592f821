"""One HTTP/1.1 request over one given connection: sent in a stream, answered by a status.

Of the answer nothing but the status line is believed, and nothing behind its head is read: no
redirect, no cookie, no body, no second request. So hardly anything of HTTP is needed here, and the
worker, which can open no connection itself, needs no client that wants to.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Iterable, Mapping
from typing import Final

from exchange.errors import Unavailable

_HEAD: Final = 32 * 1024
"""Bytes of the head of an answer at most."""
_INTERIM: Final = 8
"""Interim answers (1xx) that are passed over at most."""
_FIRST_FINAL: Final = 200
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r]")


async def send(
    connection: socket.socket,
    head: bytes,
    body: Iterable[bytes],
    *,
    tls: ssl.SSLContext | None,
    server: str,
    timeout_s: float,
) -> int:
    """Send a request and return the status of its answer; close the connection in any case.

    Args:
        connection: connected.
        head: as `head_of` wrote it.
        body: in pieces; no faster than the server reads.
        tls: verifies the server; None for none.
        server: name the certificate must have.
        timeout_s: seconds without any progress that are waited.

    Raises:
        Unavailable: no encryption, a foreign certificate, no answer in time, or none that is HTTP.
    """
    connection.setblocking(False)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(
                sock=connection,
                ssl=tls,
                server_hostname=server if tls is not None else None,
                limit=_HEAD,
            )
    except OSError:
        connection.close()
        raise Unavailable("the case tool does not answer, or is another one") from None
    try:
        with contextlib.suppress(ConnectionError):  # it may have answered before it hung up
            await _write(writer, head, body, timeout_s)
        return await _status(reader, timeout_s)
    except (OSError, EOFError, asyncio.LimitOverrunError):
        raise Unavailable("the case tool gave no answer") from None
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket in its next turn


def head_of(method: str, path: str, server: str, fields: Mapping[str, str]) -> bytes:
    """Return the head of a request: no field holds a line break.

    Args:
        method: `POST` or `PUT`.
        path: absolute, percent-encoded.
        server: value of `Host`.
        fields: the others; `Content-Length` is among them.
    """
    lines = [f"{method} {path} HTTP/1.1", f"Host: {server}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    if any(not line.isprintable() for line in lines):
        raise ValueError("a field of the head holds a control character")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _write(
    writer: asyncio.StreamWriter, head: bytes, body: Iterable[bytes], timeout_s: float
) -> None:
    writer.write(head)
    for piece in body:
        writer.write(piece)
        async with asyncio.timeout(timeout_s):
            await writer.drain()


async def _status(reader: asyncio.StreamReader, timeout_s: float) -> int:
    async with asyncio.timeout(timeout_s):
        for _ in range(_INTERIM):
            found = _STATUS.match(await reader.readuntil(b"\r\n\r\n"))
            if found is None:
                break
            if int(found[1]) >= _FIRST_FINAL:
                return int(found[1])
    raise Unavailable("the case tool gave no answer in HTTP")
