"""Content between gateway and hub: sealed documents up, payloads down, both resumable.

Streams in constant memory; reads and writes files in threads. Sealed bytes only: there is no
plaintext here.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeAlias

import aiohttp

from exchange.agency.calls import Body, Calls, bounded
from exchange.errors import Conflict, HubMisbehaves, TooMany, Unavailable
from exchange.wire import routes, shapes

PIECE: Final = 1024 * 1024
"""Bytes read from a file at a time: large enough that the hop into a thread does not count."""
AT_ONCE: Final = 512 * 1024
"""Bytes up to which a body is sent from memory, or fetched into it."""
LARGEST_DIGITS: Final = 15
"""Digits of a size in bytes: no document comes near."""
RESUMPTIONS: Final = 20
"""How often in a row an upload may break without one byte getting through."""
TUS: Final = {"Tus-Resumable": "1.0.0"}
"""Version of the protocol for resumable uploads (tus.io, 1.0.0)."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


def unseen(_done: int, _total: int) -> None:
    """Show nobody how far it is."""


def size_of(sealed: Path) -> int:
    """Return the bytes of a sealed document, which nobody changes once it is sealed."""
    return sealed.stat().st_size


async def send_at_once(
    calls: Calls, manifest: bytes, sealed: Path, progress: Progress
) -> shapes.DisclosureStored:
    """Send the manifest as one line, LF and the sealed document in one request."""
    size = size_of(sealed)
    headers = {
        "Content-Type": routes.DISCLOSURE,
        "Content-Length": str(len(manifest) + 1 + size),
    }

    async def attempt() -> shapes.DisclosureStored:
        body: Body = _line_and_file(manifest, sealed, progress)
        if size <= AT_ONCE:
            body = b"".join((manifest, b"\n", _content(sealed)))
        return await calls.once(
            routes.DISCLOSE, shapes.DisclosureStored, headers=headers, body=body
        )

    stored = await calls.persist(attempt)
    progress(size, size)
    return stored


def _content(sealed: Path) -> bytes:
    return sealed.read_bytes()


async def announce(calls: Calls, manifest: bytes) -> shapes.DisclosureStored:
    """Send the manifest alone: the hub decides, and says whether it has the document already."""
    return await calls.persist(
        lambda: calls.once(
            routes.DISCLOSE,
            shapes.DisclosureStored,
            headers={"Content-Type": routes.MANIFEST},
            body=manifest,
        )
    )


async def upload(calls: Calls, disclosure_id: str, sealed: Path, progress: Progress) -> None:
    """Upload an announced document, going on where an earlier attempt stopped.

    Every byte the hub has confirmed is durable there: after a crash of either side the offset
    it names is where to continue.

    Raises:
        Unavailable: the connection broke again and again without getting anywhere.
        NotFound: the upload is no longer open: too old, or the consent has ended.
    """
    size = size_of(sealed)
    broken, before = 0, -1
    while (offset := await _offset(calls, disclosure_id, size)) < size:
        broken = broken + 1 if offset == before else 0
        if broken == RESUMPTIONS:
            raise Unavailable("the upload breaks again and again; it goes on at the next attempt")
        if broken:
            await asyncio.sleep(min(0.1 * 2**broken, 10))
        before = offset
        try:
            await _append(calls, disclosure_id, sealed, offset, progress)
        except (Unavailable, TooMany, HubMisbehaves, Conflict):
            # Broken, silent, or overtaken by an attempt thought dead: the offset decides.
            continue


async def _offset(calls: Calls, disclosure_id: str, size: int) -> int:
    asked = replace(routes.UPLOAD, method="HEAD")

    async def attempt() -> int:
        async with calls.open(asked, path={"id": disclosure_id}, headers=TUS) as response:
            offset = _number(response, "Upload-Offset")
            if _number(response, "Upload-Length") != size or offset > size:
                raise HubMisbehaves("the hub expects another document than was announced")
            return offset

    return await calls.persist(attempt)


async def _append(
    calls: Calls, disclosure_id: str, sealed: Path, offset: int, progress: Progress
) -> None:
    size = size_of(sealed)
    headers = {
        **TUS,
        "Content-Type": routes.OFFSET_STREAM,
        "Content-Length": str(size - offset),
        "Upload-Offset": str(offset),
    }
    async with calls.open(
        routes.UPLOAD,
        path={"id": disclosure_id},
        headers=headers,
        body=_pieces(sealed, offset, progress),
        streams=True,
    ):
        pass


def _number(response: aiohttp.ClientResponse, name: str) -> int:
    text = response.headers.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > LARGEST_DIGITS:
        raise HubMisbehaves("the hub does not say how far the upload is")
    return int(text)


async def _line_and_file(manifest: bytes, sealed: Path, progress: Progress) -> AsyncIterator[bytes]:
    yield manifest + b"\n"
    async for piece in _pieces(sealed, 0, progress):
        yield piece


async def _pieces(sealed: Path, offset: int, progress: Progress) -> AsyncIterator[bytes]:
    size = size_of(sealed)
    with await asyncio.to_thread(sealed.open, "rb") as file:
        file.seek(offset)
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
            offset += len(piece)
            progress(offset, size)


async def fetch(
    calls: Calls,
    disclosure_id: str,
    target: Path,
    size: int,
    sealed_sha256: str,
    progress: Progress,
) -> None:
    """Fetch a payload into `target`; see `HubClient.payload`."""
    broken = 0
    while True:
        present = _present(target, size)
        progress(present, size)
        if present == size:
            return
        try:
            await _fetch_rest(calls, disclosure_id, target, present, size, sealed_sha256, progress)
        except (Unavailable, TooMany):
            if _present(target, size) == present:
                broken += 1
            if broken == RESUMPTIONS:
                raise
            await asyncio.sleep(min(0.1 * 2**broken, 10))


async def fetch_short(calls: Calls, disclosure_id: str, size: int, sealed_sha256: str) -> bytes:
    """Return a payload of at most `AT_ONCE` bytes; see `HubClient.short_payload`."""

    async def attempt() -> bytes:
        async with _opened(calls, disclosure_id, 0, size, sealed_sha256) as response:
            found = await bounded(response, size)
        if len(found) != size:
            raise HubMisbehaves("the hub sends less than was signed")
        return found

    return await calls.persist(attempt)


def _present(target: Path, size: int) -> int:
    try:
        present = target.lstat().st_size
    except FileNotFoundError:
        return 0
    if present > size:  # not what was signed, whatever it is
        target.unlink()
        return 0
    return present


@asynccontextmanager
async def _opened(
    calls: Calls, disclosure_id: str, present: int, size: int, sealed_sha256: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Yield the answer that brings a payload from byte `present` on."""
    # If-Match: a payload of other bytes under the same id is refused instead of mixed in.
    headers = {"If-Match": f'"p-{sealed_sha256}"'}
    if present:
        headers["Range"] = f"bytes={present}-"
    async with calls.open(
        routes.PAYLOAD_OF, path={"id": disclosure_id}, headers=headers, streams=True
    ) as response:
        _check_range(response, present, size)
        yield response


async def _fetch_rest(  # noqa: PLR0913, PLR0917
    calls: Calls,
    disclosure_id: str,
    target: Path,
    present: int,
    size: int,
    sealed_sha256: str,
    progress: Progress,
) -> None:
    async with _opened(calls, disclosure_id, present, size, sealed_sha256) as response:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(target, flags, 0o600), "wb", buffering=0) as file:
            async for chunk in response.content.iter_any():
                present += len(chunk)
                if present > size:
                    raise HubMisbehaves("the hub sends more than was signed")
                # A short write is a full disk: the next one raises, and the rest is fetched again.
                await _written(file.write, chunk)
                progress(present, size)
    if present < size:
        raise HubMisbehaves("the hub sends less than was signed")


async def _written(write: Callable[[bytes], int | None], chunk: bytes) -> None:
    done = 0
    while done < len(chunk):
        rest = chunk[done:] if done else chunk
        # Small pieces are in the page cache before a thread would have started.
        count = write(rest) if len(rest) <= 64 * 1024 else await asyncio.to_thread(write, rest)
        done += count or 0


def _check_range(response: aiohttp.ClientResponse, present: int, size: int) -> None:
    if response.status == HTTPStatus.PARTIAL_CONTENT and present:
        if response.headers.get("Content-Range") != f"bytes {present}-{size - 1}/{size}":
            raise HubMisbehaves("the hub sends another range than asked for")
    elif response.status != HTTPStatus.OK or present:
        raise HubMisbehaves("the hub ignores the range that was asked for")
    if response.content_length not in {None, size - present}:
        raise HubMisbehaves("the hub's payload has another size than was signed")
