"""The outermost layer: framing, problems instead of errors, one log line, security headers."""

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web
from aiohttp.hdrs import TRANSFER_ENCODING

from exchange.canonical import encode
from exchange.errors import ExchangeError, StatementNotAcceptable, Unauthenticated, positions
from exchange.hub.http import front
from exchange.hub.http.bodies import LOST
from exchange.hub.http.call import CALLER, FRONT, REQUEST_ID
from exchange.wire import problems, routes

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
    "browsing-topics=()",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Cache-Control": "no-store",
}
"""On every answer, unless its handler has set the header itself."""
SERVER: Final = "exchange"
"""Instead of the names and versions that aiohttp would tell."""

RETRY_AFTER: Final = {429: "5", 503: "2", 507: "3600"}
"""Seconds, constant per status: a figure that depends on a state would tell about it."""

_CLOSING: Final = frozenset({405, 408, 431})
"""After these nobody knows where the next request would begin, as with CONNECT."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def problem_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as a problem, and write one line about the request.

    The one `except Exception` of the hub's HTTP side: aiohttp would log a traceback whose last
    line is the text of a foreign error, and that text can hold what somebody sent us.
    """
    request[REQUEST_ID] = secrets.token_hex(8)
    begun = time.monotonic()
    log = structlog.get_logger("exchange.hub.http")
    try:
        front.check(request, hosts=request.app[FRONT].hosts)
        answer = await handler(request)
    except ExchangeError as error:
        answer = _answer(error)
        if isinstance(error, StatementNotAcceptable):
            log.info("statement-refused", request_id=request[REQUEST_ID], step=error.step)
    except web.HTTPException as refused:  # aiohttp's own 404, 405, 413, and ours of the front
        answer = await _refused(request, refused)
    except LOST:
        raise ConnectionResetError from None
    except Exception as bug:  # noqa: BLE001 - see above
        log.error("bug", request_id=request[REQUEST_ID], positions=positions(bug))
        answer = _answer(ExchangeError())
    if TRANSFER_ENCODING in request.headers:
        # aiohttp reads trailers after the last chunk as headers of the next request.
        answer.force_close()
    log.info(
        "request",
        request_id=request[REQUEST_ID],
        method=request.method if request.method in front.METHODS else "other",
        route=route_of(request),
        status=answer.status,
        duration_ms=round((time.monotonic() - begun) * 1000, 1),
        agency=request.get(CALLER),
    )
    return answer


def route_of(request: web.Request) -> str:
    """Return the pattern of the route, never the path."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"


def _answer(error: ExchangeError) -> web.Response:
    problem = problems.to_problem(error)
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    return _problem(problem, problem["status"], headers)


def _answer_http(refused: web.HTTPException) -> web.StreamResponse:
    if refused.status < 400:  # noqa: PLR2004 - 204 and 304 are no errors
        return web.Response(status=refused.status, headers=refused.headers)
    kept = {
        name: refused.headers[name]
        for name in ("Allow", "Content-Range", "Tus-Version", "Tus-Resumable")
        if name in refused.headers
    }
    return _problem(problems.http_problem(refused.status), refused.status, kept)


async def _refused(request: web.Request, refused: web.HTTPException) -> web.StreamResponse:
    answer = _answer_http(refused)
    if isinstance(refused, front.BadFraming):
        await _close(request, answer)
    elif refused.status in _CLOSING:
        answer.force_close()
    return answer


async def _close(request: web.Request, answer: web.StreamResponse) -> None:
    """Send `answer` and close: what else is on its way belongs to no certain request."""
    answer.force_close()
    await answer.prepare(request)
    await answer.write_eof()
    request.protocol.force_close()


def _problem(problem: dict[str, object], status: int, headers: dict[str, str]) -> web.Response:
    if status in RETRY_AFTER:
        headers = {**headers, "Retry-After": RETRY_AFTER[status]}
    return web.Response(
        status=status,
        body=encode(problem),  # type: ignore[arg-type]  # problems are JSON without floats
        content_type=problems.MEDIA_TYPE,
        headers=headers,
    )


async def security_headers(request: web.Request, answer: web.StreamResponse) -> None:
    """Put the constant headers on an answer; a signal, because it also sees 404, 405 and 413."""
    headers = answer.headers
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers["Server"] = SERVER
    if route_of(request) == routes.UPLOAD.path:
        answer.headers["Tus-Resumable"] = "1.0.0"
