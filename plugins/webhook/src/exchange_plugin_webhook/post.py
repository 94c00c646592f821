"""One request, to the addresses that were looked at and nowhere else; of the answer, its status.

By hand, because all that a client does by itself would have to be forbidden it: further look-ups,
redirects, cookies, proxies of the environment, decompression, waiting for the body, and a polite
end of the connection that a silent receiver can draw out.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

_LARGEST_HEAD = 16 * 1024
"""Bytes of the head of an answer; behind it nothing is read."""
_MOST_INTERIM = 4
"""Answers of the class 1xx before the one that counts (RFC 9110, section 15.2)."""
_FINAL = 200
"""First status that counts."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is posted where."""

    host: str
    """Name in the certificate and in the field `host`."""
    port: int
    path: str
    headers: Mapping[str, str]
    """Without those that say how the request is framed."""
    body: str
    """ASCII."""


async def post(request: Request, addresses: Sequence[str], tls: ssl.SSLContext) -> int:
    """Post `request` to the first of `addresses` that takes a connection, and return the status.

    The caller sets the time limit. The connection has ended when this returns.

    Raises:
        OSError: no connection to any of them, or it broke.
        EOFError: the answer ends before its head does.
        ValueError: the answer is not HTTP/1.x, or its head is too long.
    """
    async with _connected(request, addresses, tls) as (reader, writer):
        writer.write(_spelled(request))
        await writer.drain()
        for _ in range(_MOST_INTERIM + 1):
            status = await _status(reader)
            if status >= _FINAL:
                return status
        raise ValueError("nothing but interim answers")


@contextlib.asynccontextmanager
async def _connected(
    request: Request, addresses: Sequence[str], tls: ssl.SSLContext
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    try:
        reader, writer = await _connect(request, addresses, tls)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
    finally:
        await asyncio.sleep(0)  # the loop closes the socket in its next turn


async def _connect(
    request: Request, addresses: Sequence[str], tls: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address that answers: in one network of two, another may be dead."""
    for address in addresses:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(
                address,
                request.port,
                ssl=tls,
                server_hostname=request.host,
                limit=_LARGEST_HEAD,
            )
    raise OSError("no connection")


def _spelled(request: Request) -> bytes:
    fields = {
        "host": request.host if request.port == 443 else f"{request.host}:{request.port}",  # noqa: PLR2004
        "connection": "close",
        "content-length": str(len(request.body)),
        **request.headers,
    }
    lines = [f"POST {request.path} HTTP/1.1", *(f"{name}: {of}" for name, of in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + request.body).encode("ascii")


async def _status(reader: asyncio.StreamReader) -> int:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise ValueError("the head of the answer is too long") from None
    found = _STATUS.match(head)
    if found is None:
        raise ValueError("the answer is not HTTP/1.x")
    return int(found[1])
