"""Resumable upload of an announced disclosure: tus 1.0.0 at /v1/disclosures/{id}/upload."""

import re
from dataclasses import replace
from typing import Final

from aiohttp import web

from exchange.errors import Malformed, NotFound
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.http.limits import denials_counted
from exchange.hub.upload import add_piece, complete, complete_size, find
from exchange.serving.bodies import arriving, media_type
from exchange.wire import routes, shapes

VERSION: Final = "1.0.0"
CREATE: Final = replace(routes.UPLOAD, name="upload_create", method="POST", streams={"*/*": ""})
OFFSET: Final = replace(routes.UPLOAD, name="upload_offset", method="HEAD", streams={})
OPTIONS: Final = replace(routes.UPLOAD, name="upload_options", method="OPTIONS", streams={})
"""The methods of one tus resource; OpenAPI describes them together, as `upload`."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


def upload_routes(max_size: int) -> Routes:
    """Return the handlers of uploads.

    Args:
        max_size: largest sealed document in bytes, told in `Tus-Max-Size`.
    """
    bound = Routes()

    async def options(call: Call, *, path: shapes.IdPath) -> web.StreamResponse:
        headers = {
            "Tus-Version": VERSION,
            "Tus-Extension": "creation",
            "Tus-Max-Size": str(max_size),
        }
        return web.Response(status=204, headers=headers)

    bound.streams(OPTIONS)(options)
    bound.streams(CREATE)(post_upload)
    bound.streams(OFFSET)(head_upload)
    bound.streams(routes.UPLOAD)(patch_upload)
    return bound


async def post_upload(call: Call, *, path: shapes.IdPath) -> web.StreamResponse:
    """Point an unmodified client at the upload that the manifest has announced: 201."""
    _check_version(call.request)
    length = _number(call.request, "Upload-Length")
    upload = await find(call.hub, path.id, call.agency)
    if length != upload.size:
        raise Malformed("Upload-Length is not the size in the manifest")
    where = call.hub.origin + routes.UPLOAD.path.replace("{id}", path.id)
    return web.Response(status=201, headers={"Location": where})


async def head_upload(call: Call, *, path: shapes.IdPath) -> web.StreamResponse:
    """Tell how much is durable: 200. Completes what a crash left with all its pieces."""
    _check_version(call.request)
    try:
        upload = await find(call.hub, path.id, call.agency)
    except NotFound:
        size = await complete_size(call.hub, path.id, call.agency)
        if size is None:
            raise
        return _offset(200, size, size)
    if upload.offset == upload.size:
        await complete(call.hub, upload, call.agency)
    return _offset(200, upload.offset, upload.size)


async def patch_upload(call: Call, *, path: shapes.IdPath) -> web.StreamResponse:
    """Take the next piece: 204. The permit is asked before every piece."""
    request, settings = call.request, call.front.settings
    _check_version(request)
    media_type(request, routes.OFFSET_STREAM)
    start = _number(request, "Upload-Offset")
    limits = call.front.limits
    with limits.uploads.one(call.agency), denials_counted(limits, call.agency):
        upload = await find(call.hub, path.id, call.agency)
        # Listed before the permit is asked again: an end in between finds it and cuts.
        with call.hub.streams.running(upload.consent, request.transport):
            upload = await find(call.hub, path.id, call.agency)
            piece = arriving(
                request,
                limit=upload.size - start,
                settings=settings,
            )
            offset = await add_piece(call.hub, upload, call.agency, start, piece)
        if offset == upload.size:
            await complete(call.hub, upload, call.agency)
    return _offset(204, offset, None)


def _offset(status: int, offset: int, size: int | None) -> web.Response:
    headers = {"Upload-Offset": str(offset), "Cache-Control": "no-store"}
    if size is not None:
        headers["Upload-Length"] = str(size)
    return web.Response(status=status, headers=headers)


def _check_version(request: web.Request) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise web.HTTPPreconditionFailed(headers={"Tus-Version": VERSION})


def _number(request: web.Request, header: str) -> int:
    text = request.headers.get(header, "")
    if _NUMBER.fullmatch(text) is None:
        raise Malformed(f"{header} is missing or no number")
    return int(text)
