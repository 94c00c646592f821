"""The two routes of a witness (C2SP tlog-witness), for logs that ask and for whoever looks.

Knows HTTP, and nothing of what makes a head acceptable. Answers hold no byte that was sent.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from exchange.audit.note import write_line
from exchange.audit.submission import MOST_BYTES, Reason, Refusal
from exchange.errors import Unavailable, positions
from exchange.witness.cosign import Cosigner

BODY_S: Final = 10.0
"""Seconds a whole request may take to arrive."""
SIZE_TYPE: Final = "text/x.tlog.size"
STATUS: Final[Mapping[Reason, HTTPStatus]] = {
    Reason.MALFORMED: HTTPStatus.BAD_REQUEST,
    Reason.UNKNOWN_LOG: HTTPStatus.NOT_FOUND,
    Reason.UNSIGNED: HTTPStatus.FORBIDDEN,
    Reason.STALE: HTTPStatus.CONFLICT,
    Reason.INCONSISTENT: HTTPStatus.UNPROCESSABLE_ENTITY,
}

log = structlog.get_logger(__name__)


def application(cosigner: Cosigner) -> web.Application:
    """Return what a witness serves: `POST /add-checkpoint` and `GET /<name>/checkpoint`."""
    app = web.Application(client_max_size=MOST_BYTES)

    async def add(request: web.Request) -> web.Response:
        return await _add(cosigner, request)

    async def show(request: web.Request) -> web.Response:
        note = await asyncio.to_thread(cosigner.note_named, request.match_info["name"])
        if note is None:
            raise web.HTTPNotFound
        return _told(note, HTTPStatus.OK)

    app.router.add_post("/add-checkpoint", add)
    app.router.add_get("/{name:[0-9a-f]{64}}/checkpoint", show)
    return app


async def _add(cosigner: Cosigner, request: web.Request) -> web.Response:
    try:
        async with asyncio.timeout(BODY_S):
            body = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    try:
        # Not to be cancelled: what is remembered and who has its cosignature would differ.
        answer = await asyncio.shield(asyncio.to_thread(cosigner.add, body))
    except (Unavailable, OSError) as error:
        log.error("not_cosigned", positions=positions(error))
        return _told(b"", HTTPStatus.SERVICE_UNAVAILABLE)
    if not isinstance(answer, Refusal):
        log.info("cosigned", size=answer.checkpoint.size)
        return _told(write_line(answer.line), HTTPStatus.OK)
    return _refused(answer)


def _refused(refusal: Refusal) -> web.Response:
    tell = log.error if refusal.reason is Reason.INCONSISTENT else log.info
    tell("not_cosigned", code=refusal.reason.value)
    status = STATUS[refusal.reason]
    if refusal.reason is Reason.STALE:
        return _told(f"{refusal.held}\n".encode("ascii"), status, SIZE_TYPE)
    return _told(b"", status)


def _told(body: bytes, status: HTTPStatus, kind: str = "text/plain") -> web.Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body, status=status, content_type=kind, headers=headers)
