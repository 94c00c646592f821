"""GET /v1/disclosures/{id}/payload: bytes that are noise without their header.

Decided anew on every request, also for a range. Served by our own loop, which can be cut; never
with sendfile, never through a link that bypasses the gate.
"""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing

import structlog
from aiohttp import web
from sqlalchemy import Connection

from exchange.consent.decision import Deny
from exchange.errors import NotFound, Unavailable
from exchange.hub import gate
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.parts import Hub
from exchange.hub.storage import disclosures, inbox
from exchange.hub.storage.disclosures import OVER, Gated
from exchange.hub.storage.inbox import Payload
from exchange.hub.stored import context_of, manifest_of
from exchange.serving.cut import cut
from exchange.serving.ranges import byte_range, precondition
from exchange.wire import routes, shapes
from exchange.wire.asked import asked_by_manifest

KERNEL_BACKLOG = 128 * 1024
"""Bytes the kernel may hold unsent: what still leaves after a cut that comes too late."""
NOTHING = ""
"""Digest under which a stream of something hidden is listed: nobody ends it."""


def payload_routes() -> Routes:
    """Return the handler of payloads."""
    bound = Routes()
    bound.streams(routes.PAYLOAD_OF)(get_payload)
    return bound


async def get_payload(call: Call, *, path: shapes.IdPath) -> web.StreamResponse:
    """Send the payload, or one range of it, to a recipient while it may still collect."""
    hub, request = call.hub, call.request
    gate.require_certain(hub)
    found = await hub.db.read(_reachable, path.id, call.agency)
    consent = NOTHING if found is None else found.consent
    with (
        call.front.limits.downloads.one(call.agency),
        # Listed before the permit is checked: an end in between finds it and cuts.
        hub.streams.running(consent, request.transport),
    ):
        question = None if found is None else asked_by_manifest(context_of(found.manifest))
        vetoed = question is not None and await gate.vetoes(hub, question)
        payload = await hub.db.read(_permitted, hub, path.id, call.agency, vetoed=vetoed)
        if payload is None or found is None:
            raise NotFound
        etag = f'"p-{manifest_of(found.manifest).sealed_sha256}"'
        precondition(request, etag=etag)
        answer, first, end = _begun(request, payload, etag)
        return await _sent(call, answer, payload.blob, first, end)


def _reachable(conn: Connection, disclosure: str, caller: str) -> Gated | None:
    """Return a disclosure that this recipient may still fetch, as far as its state can tell.

    Of what is over nothing is parsed any more: that took longer than finding nothing.
    """
    found = disclosures.gated(conn, disclosure, caller)
    return None if found is None or found.state in OVER else found


def _permitted(
    conn: Connection, hub: Hub, disclosure: str, caller: str, *, vetoed: bool
) -> Payload | None:
    """Return where the payload lies, if its header could be collected now."""
    found = _reachable(conn, disclosure, caller)
    payload = inbox.payload(conn, disclosure, caller)
    asked = gate.nothing(caller) if found is None else asked_by_manifest(context_of(found.manifest))
    examined = gate.examine(conn, hub, asked, vetoed=vetoed, counted=1)
    if isinstance(examined.decision, Deny) or hub.clock() >= asked.exp:
        return None
    return payload


def _begun(
    request: web.Request, payload: Payload, etag: str
) -> tuple[web.StreamResponse, int, int]:
    asked = byte_range(request, size=payload.size, etag=etag)
    first, end = asked or (0, payload.size)
    answer = web.StreamResponse(status=200 if asked is None else 206)
    digest = base64.b64encode(bytes.fromhex(payload.sha256)).decode("ascii")
    answer.headers.update(
        {
            "Content-Type": routes.PAYLOAD,
            "Content-Length": str(end - first),
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Repr-Digest": f"sha-256=:{digest}:",
            "Cache-Control": "no-store",
        }
    )
    if asked is not None:
        answer.headers["Content-Range"] = f"bytes {first}-{end - 1}/{payload.size}"
    return answer, first, end


async def _sent(
    call: Call, answer: web.StreamResponse, blob: str, first: int, end: int
) -> web.StreamResponse:
    """Write the bytes; a client that does not read, or bytes that vanish, cut the connection.

    Raises:
        Unavailable: the first bytes cannot be had now, and nothing was written.
    """
    transport = call.request.transport
    _keep_backlog_small(transport)
    async with aclosing(call.hub.blobs.read(blob, first, end)) as chunks:
        chunk = await _beginning(call.hub, blob, chunks)
        await answer.prepare(call.request)
        try:
            while chunk:
                async with asyncio.timeout(call.front.settings.stall_s):
                    await answer.write(chunk)
                chunk = await anext(chunks, b"")
            async with asyncio.timeout(call.front.settings.stall_s):
                await answer.write_eof()
        except (TimeoutError, NotFound, Unavailable):
            cut(transport)
            raise ConnectionResetError from None
    return answer


async def _beginning(hub: Hub, blob: str, chunks: AsyncIterator[bytes]) -> bytes:
    """Return the first bytes of a payload that a row names; note it where they are not there.

    Raises:
        Unavailable: they are not there (yet), or their store fails. Never "not found": that is
            what a stranger is told.
    """
    try:
        return await anext(chunks, b"")
    except NotFound:
        hub.missing.setdefault(blob, hub.clock())
        structlog.get_logger("exchange.hub.blobs").error("payload-missing")
        raise Unavailable from None


def _keep_backlog_small(transport: asyncio.Transport | None) -> None:
    found = None if transport is None else transport.get_extra_info("socket")
    if transport is None or found is None or transport.is_closing():
        raise ConnectionResetError
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_BACKLOG)
