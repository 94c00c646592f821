"""Sends one file of an agency to its own people: whole, or a range of it."""

import asyncio
import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

from aiohttp import web

from exchange.errors import NotFound
from exchange.serving.ranges import byte_range, precondition
from exchange.wire.routes import PAYLOAD

PIECE: Final = 256 * 1024
"""Bytes read at a time."""


async def send_file(request: web.Request, path: Path, name: str) -> web.StreamResponse:
    """Answer with a file, to be saved and never shown: what came from outside runs nowhere.

    Args:
        request: may ask for a range.
        path: of a regular file.
        name: shown to the user, whatever it holds.

    Raises:
        NotFound: it is gone, or is no regular file.
    """
    try:
        fd = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise NotFound("the file is not there any more") from None
    with os.fdopen(fd, "rb", buffering=0) as file:
        found = os.fstat(fd)
        etag = f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
        precondition(request, etag=etag)
        asked = byte_range(request, size=found.st_size, etag=etag)
        first, end = asked or (0, found.st_size)
        answer = web.StreamResponse(status=200 if asked is None else 206)
        answer.headers.update(
            {
                "Content-Type": PAYLOAD,
                "Content-Length": str(end - first),
                "Content-Disposition": disposition(name),
                "Accept-Ranges": "bytes",
                "ETag": etag,
            }
        )
        if asked is not None:
            answer.headers["Content-Range"] = f"bytes {first}-{end - 1}/{found.st_size}"
        await answer.prepare(request)
        file.seek(first)
        while first < end:
            piece = await asyncio.to_thread(file.read, min(PIECE, end - first))
            if not piece:  # cut while it was read: an answer that is too short tells the client
                break
            await answer.write(piece)
            first += len(piece)
        await answer.write_eof()
        return answer


def disposition(name: str) -> str:
    """Return a header that makes a browser save a file under `name` (RFC 6266)."""
    last = name.rpartition("/")[2]
    plain = "".join(
        each if each.isascii() and (each.isalnum() or each in "._-") else "_" for each in last
    )
    return f"attachment; filename=\"{plain or 'file'}\"; filename*=UTF-8''{quote(last, safe='')}"
