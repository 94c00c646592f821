"""The log over HTTP: files that anybody may read, and what only some may open.

Tiles are for ever: they are cached by whoever likes to. A 404 is never cached: what is absent
now may be there a second later.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Final

from aiohttp import hdrs, web

from exchange.audit.spelling import write_base64
from exchange.audit.submission import MOST_BYTES
from exchange.audit.tiles import Bundle, Tile, read_path
from exchange.canonical import b64u, sha256_hex
from exchange.errors import Malformed, NotFound
from exchange.hub.add_cosignature import add_cosignature
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import FRONT, Call, Front
from exchange.hub.http.caller import authenticated, neighbourhood
from exchange.hub.http.limits import within
from exchange.hub.http.officers import asker
from exchange.hub.open_entries import OpenedEntry, give_receipt, list_openings
from exchange.hub.read_log import LogFiles
from exchange.hub.record_export import record_export
from exchange.hub.show_tombstones import show_tombstone, show_tombstones
from exchange.serving import bodies, front
from exchange.serving.binding import Handler
from exchange.serving.middleware import CALLER
from exchange.wire import log, log_routes, routes, shapes
from exchange.wire.routes import Operation

FOR_EVER: Final = "max-age=31536000, immutable"
ANYWHERE: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""On what is open: a verifier may be a page of somebody else's."""


def entry_routes() -> Routes:
    """Return the handlers for those who may open entries."""
    bound = Routes()
    bound.streams(log_routes.LOG_RECEIPT)(get_receipt)
    bound.handles(log_routes.LOG_OPENINGS)(get_openings)
    bound.handles(log_routes.LOG_TOMBSTONES)(get_tombstones)
    bound.streams(log_routes.LOG_TOMBSTONE)(get_tombstone)
    return bound


async def get_receipt(
    call: Call, *, path: shapes.IdPath, query: log.ReceiptQuery
) -> web.StreamResponse:
    """Return a receipt, or 202 while no head covers its entry; absent and hidden are one 404."""
    seconds = min(float(query.wait), call.front.settings.poll_s)
    with call.front.limits.polls.one(call.agency) if query.wait else nullcontext():
        receipt = await give_receipt(
            call.hub, path.id, call.agency, seconds=seconds, witnessed=query.witnessed
        )
    if receipt is None:
        return _text(b"", status=202, headers={"Retry-After": "1"})
    return _text(receipt)


async def get_openings(call: Call, *, query: log.OpeningsQuery) -> log.Openings:
    """Return what the caller may open, page by page; the log notes each that opens something."""
    page = await list_openings(call.hub, call.agency, after=query.after, limit=query.limit)
    await record_export(call.hub, asker(call), page.entries)
    return log.Openings(entries=tuple(_shape(one) for one in page.entries), next=page.next)


async def get_tombstones(call: Call, *, query: log.TombstonesQuery) -> log.Tombstones:
    """Return which tombstones there are, page by page."""
    page = await show_tombstones(call.hub, after=query.after, limit=query.limit)
    return log.Tombstones(
        tombstones=tuple(
            log.ListedTombstone(digest=one.digest, made_at=one.made_at) for one in page.listed
        ),
        pending=page.pending,
        next=page.listed[-1].digest if len(page.listed) == query.limit else None,
    )


async def get_tombstone(call: Call, *, path: log.TombstonePath) -> web.StreamResponse:
    """Return a tombstone: to agencies, never to the public."""
    found = await show_tombstone(call.hub, path.digest)
    return web.Response(body=found, content_type=routes.JSON)


def _shape(found: OpenedEntry) -> log.Opened:
    return log.Opened(
        index=found.index,
        rid=found.rid,
        opening=write_base64(found.opening),
        detail=None if found.detail is None else write_base64(found.detail),
    )


def open_routes(served_by: Front) -> Mapping[Operation, Handler]:
    """Return the handlers of routes that ask for no token, or may ask for one themselves."""
    files = OpenLog(LogFiles(served_by.hub), served_by)
    return {
        log_routes.LOG_CHECKPOINT: files.checkpoint,
        log_routes.LOG_CANDIDATE: files.candidate,
        log_routes.LOG_POLICY: files.policy,
        log_routes.LOG_POLICY_PQ: files.policy_pq,
        log_routes.LOG_DOCUMENT: files.document,
        log_routes.LOG_ENTRIES: files.entries,  # before tiles, whose pattern would take it
        log_routes.LOG_TILE: files.tile,
        log_routes.LOG_COSIGNATURES: post_cosignature,
    }


def pattern(operation: Operation) -> str:
    """Return the path of an operation for the router: names of tiles have slashes in them."""
    path = operation.path
    return path.replace("{tile}", "{tile:.+}").replace("{bundle}", "{bundle:.+}")


class OpenLog:
    """Handlers of the log's files."""

    def __init__(self, files: LogFiles, served_by: Front) -> None:
        self._files = files
        self._front = served_by

    async def checkpoint(self, request: web.Request) -> web.Response:
        """Return the published head."""
        await self._count(request)
        return _fresh(request, await self._files.checkpoint())

    async def candidate(self, request: web.Request) -> web.Response:
        """Return the head that witnesses cosign now."""
        await self._count(request)
        return _fresh(request, await self._files.candidate())

    async def policy(self, request: web.Request) -> web.Response:
        """Return the policy file."""
        await self._count(request)
        return _fresh(request, self._front.hub.signer.policy_text)

    async def policy_pq(self, request: web.Request) -> web.Response:
        """Return the policy file with the post-quantum key, where there is one."""
        await self._count(request)
        text = self._front.hub.signer.policy_pq_text
        if text is None:
            raise NotFound
        return _fresh(request, text)

    async def document(self, request: web.Request) -> web.Response:
        """Return a public document by its SHA-256."""
        await self._count(request)
        named = request.match_info["sha256"]
        found = await self._files.document(_digest(named))
        return _file(found, {**ANYWHERE, "Cache-Control": f"public, {FOR_EVER}"})

    async def tile(self, request: web.Request) -> web.Response:
        """Return hashes of the tree; more of the newest with a token."""
        known = await self._count(request)
        name = _name(request.match_info["tile"])
        if not isinstance(name, Tile):
            raise NotFound
        found = await self._files.tile(name, known=known)
        # What a token has shown must not lie in a cache for strangers.
        who = "private" if known else "public"
        return _file(found, {**ANYWHERE, "Cache-Control": f"{who}, {FOR_EVER}"})

    async def entries(self, request: web.Request) -> web.Response:
        """Return entries: to agencies, or to everybody where the hub is set so."""
        if not self._front.open_entries and hdrs.AUTHORIZATION not in request.headers:
            await authenticated(request, self._front)  # the constant 401
        known = await self._count(request)
        name = _name(f"entries/{request.match_info['bundle']}")
        if not isinstance(name, Bundle):
            raise NotFound
        found = await self._files.bundle(name, known=known)
        shared = self._front.open_entries and not known
        headers = {"Cache-Control": f"{'public' if shared else 'private'}, {FOR_EVER}"}
        return _file(found, {**ANYWHERE, **headers} if self._front.open_entries else headers)

    async def _count(self, request: web.Request) -> bool:
        """Count a request by agency or address; True for an agency. No file has parameters."""
        if hdrs.AUTHORIZATION in request.headers:
            caller = await authenticated(request, self._front)
            request[CALLER] = caller
        else:
            caller = ""
        within(self._front.limits.log, caller or neighbourhood(self._front.address(request)))
        if front.parameters(request):
            raise Malformed("this route has no parameters")
        return bool(caller)


async def post_cosignature(request: web.Request) -> web.Response:
    """Take a cosignature or a head; the signature inside is the credential."""
    here = request.app[FRONT]
    within(here.limits.cosignatures, neighbourhood(here.address(request)))
    if front.parameters(request):
        raise Malformed("this route has no parameters")
    bodies.media_type(request, routes.TEXT)
    limit, seconds = MOST_BYTES, here.settings.body_s
    await add_cosignature(here.hub, await bodies.whole(request, limit=limit, seconds=seconds))
    return _text(b"")


def _name(text: str) -> Tile | Bundle:
    """Return what a path names; every other spelling of it does not exist."""
    try:
        return read_path(text)
    except Malformed:
        raise NotFound from None


def _digest(named: str) -> str:
    """Return a digest in the spelling of the tables, from 64 digits in lower case."""
    try:
        raw = bytes.fromhex(named)
    except ValueError:
        raise NotFound from None
    if raw.hex() != named:
        raise NotFound
    return b64u(raw)


def _fresh(request: web.Request, text: bytes) -> web.Response:
    """Return what may change at any moment, or 304 to who has it as it is."""
    etag = f'"{sha256_hex(text)[:32]}"'
    headers = {**ANYWHERE, "Cache-Control": "no-cache", "ETag": etag}
    held = [one.strip() for one in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")]
    if etag in held:
        return web.Response(status=304, headers=headers)
    return _text(text, headers=headers)


def _text(
    text: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status, body=text, content_type=routes.TEXT, charset="utf-8", headers=headers
    )


def _file(found: bytes, headers: Mapping[str, str]) -> web.Response:
    return web.Response(body=found, content_type=routes.PAYLOAD, headers=headers)
