"""The outermost layer: framing, problems instead of errors, one log line, security headers."""

import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Container, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from aiohttp import web
from aiohttp.hdrs import TRANSFER_ENCODING
from aiohttp.typedefs import Middleware

from exchange.canonical import encode
from exchange.errors import ExchangeError, StatementNotAcceptable, Unauthenticated, positions
from exchange.serving import front
from exchange.serving.bodies import LOST
from exchange.wire import problems

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

REQUEST_ID = web.RequestKey("request_id", str)
"""Random; in every log line about the request, and in no answer."""
CALLER = web.RequestKey("caller", str)
"""Agency id; set after authentication, read by the log."""

CODE = web.ResponseKey("code", str)
"""Code of the problem that an answer states."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Count(Protocol):
    """Counts an answer; knows the pattern of its route, and nothing of who asked for what."""

    def __call__(
        self, *, method: str, route: str, status: int, code: str | None, seconds: float
    ) -> None:
        """Count one answer.

        Args:
            method: of the request; `other` for what no route has.
            route: pattern of its path, or `unmatched`.
            status: of the answer.
            code: of the problem it states; None: it states none.
            seconds: until the handler had ended.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How one server answers."""

    hosts: Container[str]
    """Values of `Host` that are answered, in lower case."""
    logger: str
    """Name of the log its lines go to."""
    problem: Callable[[ExchangeError], Mapping[str, Any]] = problems.to_problem
    """Renders an error as RFC 9457; says what its callers may know."""
    led_to: Collection[str] = frozenset()
    """Paths to which a foreign program sends browsers, with a query of its spelling."""
    count: Count | None = None
    """Told of every answer."""


def problem_middleware(manner: Manner) -> Middleware:
    """Return the layer that answers every error as a problem, and writes one line per request."""

    @web.middleware
    async def layer(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await _answered(request, handler, manner)

    return layer


async def _answered(request: web.Request, handler: Handler, manner: Manner) -> web.StreamResponse:
    """Answer one request.

    The one `except Exception` of a server: aiohttp would log a traceback whose last line is the
    text of a foreign error, and that text can hold what somebody sent us.
    """
    request[REQUEST_ID] = secrets.token_hex(8)
    begun = time.monotonic()
    log = structlog.get_logger(manner.logger)
    try:
        front.check(request, hosts=manner.hosts, led_to=manner.led_to)
        answer = await handler(request)
    except ExchangeError as error:
        answer = _problem_of(error, manner)
        if isinstance(error, StatementNotAcceptable):
            log.info("statement-refused", request_id=request[REQUEST_ID], step=error.step)
    except web.HTTPException as refused:  # aiohttp's own 404, 405, 413, and ours of the front
        answer = await _refused(request, refused)
    except LOST:
        raise ConnectionResetError from None
    except Exception as bug:  # noqa: BLE001 - see above
        log.error("bug", request_id=request[REQUEST_ID], positions=positions(bug))
        answer = _problem_of(ExchangeError(), manner)
    if TRANSFER_ENCODING in request.headers:
        # aiohttp reads trailers after the last chunk as headers of the next request.
        answer.force_close()
    method, route = _method_of(request), route_of(request)
    seconds = time.monotonic() - begun
    log.info(
        "request",
        request_id=request[REQUEST_ID],
        method=method,
        route=route,
        status=answer.status,
        duration_ms=round(seconds * 1000, 1),
        agency=request.get(CALLER),
    )
    if manner.count is not None:
        code = answer.get(CODE)
        manner.count(method=method, route=route, status=answer.status, code=code, seconds=seconds)
    return answer


def _method_of(request: web.Request) -> str:
    return request.method if request.method in front.METHODS else "other"


def route_of(request: web.Request) -> str:
    """Return the pattern of the route, never the path."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"


def _problem_of(error: ExchangeError, manner: Manner) -> web.Response:
    problem = manner.problem(error)
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


def _problem(problem: Mapping[str, Any], status: int, headers: dict[str, str]) -> web.Response:
    if status in RETRY_AFTER:
        headers = {**headers, "Retry-After": RETRY_AFTER[status]}
    answer = web.Response(
        status=status,
        body=encode(dict(problem)),  # problems are JSON without floats
        content_type=problems.MEDIA_TYPE,
        headers=headers,
    )
    answer[CODE] = str(problem["type"]).removeprefix(problems.TYPE_PREFIX)
    return answer


async def security_headers(_request: web.Request, answer: web.StreamResponse) -> None:
    """Put the constant headers on an answer; a signal, because it also sees 404, 405 and 413."""
    headers = answer.headers
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers["Server"] = SERVER


def goodbye(
    over: Callable[[], bool],
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return a signal that says, once the server is stopping, that an answer is the last."""

    async def say_goodbye(_request: web.Request, answer: web.StreamResponse) -> None:
        if over():
            answer.force_close()
            answer.headers["Connection"] = "close"

    return say_goodbye
