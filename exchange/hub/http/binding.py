"""Binds verbs to operations: authenticate, count, parse, call, render.

The order is that of docs/formats.md, order of checks: nothing about an object is looked at
before the caller is known, counted, and has sent something that can be parsed.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from aiohttp import web
from pydantic import BaseModel

from exchange.canonical import labelled
from exchange.errors import Malformed, NotFound
from exchange.hub.http import bodies, front
from exchange.hub.http.call import CALLER, FRONT, Call, Front
from exchange.hub.http.caller import authenticated
from exchange.hub.http.limits import in_turn, within
from exchange.hub.repeat import Once
from exchange.wire import routes
from exchange.wire.routes import Operation
from exchange.wire.shapes import Shape, Text

Verb: TypeAlias = Callable[..., Awaitable[Shape]]
Streaming: TypeAlias = Callable[..., Awaitable[web.StreamResponse]]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATIENT = frozenset({routes.WITHDRAW, routes.CONFIRM_ERASURE, routes.PUT_KEY_STATEMENT})
"""Never refused for being too many: they stop an exchange, or a stolen key."""

_KEY = re.compile(r'"?[\x21\x23-\x7e]{1,128}"?', re.ASCII)


class Routes:
    """Handlers of one resource, by operation."""

    def __init__(self) -> None:
        self.bound: dict[Operation, Handler] = {}

    def handles(self, operation: Operation) -> Callable[[Verb], Verb]:
        """Bind a function that takes `Call` and shapes (`path`, `query`, `body`)."""

        def bind(verb: Verb) -> Verb:
            async def answer(call: Call, given: Mapping[str, BaseModel]) -> web.StreamResponse:
                return rendered(operation, await verb(call, **given))

            self.bound[operation] = _handler(operation, answer)
            return verb

        return bind

    def streams(self, operation: Operation) -> Callable[[Streaming], Streaming]:
        """Bind a function that reads the body itself, or answers with a stream."""

        def bind(verb: Streaming) -> Streaming:
            async def answer(call: Call, given: Mapping[str, BaseModel]) -> web.StreamResponse:
                return await verb(call, **given)

            self.bound[operation] = _handler(operation, answer)
            return verb

        return bind


def rendered(operation: Operation, shape: Shape) -> web.Response:
    """Return the success answer of `operation`."""
    return web.Response(
        status=operation.status,
        body=shape.model_dump_json().encode(),
        content_type=routes.JSON,
    )


def _handler(
    operation: Operation, answer: Callable[[Call, Mapping[str, BaseModel]], Awaitable[Any]]
) -> Handler:
    patient = operation in PATIENT

    async def handler(request: web.Request) -> web.StreamResponse:
        here = request.app[FRONT]
        agency = authenticated(request, here)
        request[CALLER] = agency
        if patient:
            await in_turn(here.limits.patient, agency)
            return await _answered(request, here, agency)
        within(here.limits.requests, agency)
        with here.limits.parallel.one(agency):
            return await _answered(request, here, agency)

    async def _answered(request: web.Request, here: Front, agency: str) -> web.StreamResponse:
        given, digest = await _given(request, operation, seconds=here.settings.body_s)
        once = _once(request, operation, agency, digest)
        found: web.StreamResponse = await answer(Call(request, here, agency, once), given)
        return found

    return handler


async def _given(
    request: web.Request, operation: Operation, *, seconds: float
) -> tuple[dict[str, BaseModel], bytes]:
    """Return the parsed parts of a request, and a digest of its body."""
    given: dict[str, BaseModel] = {}
    digest = b""
    if operation.path_shape is not None:
        given["path"] = _path(request, operation.path_shape)
    parameters = front.parameters(request)
    if operation.query is not None:
        given["query"] = bodies.parsed(operation.query, parameters)
    elif parameters:
        raise Malformed("this route has no parameters")
    if operation.body is not None:
        body = await bodies.json_body(
            request, operation.body, limit=operation.body_limit, seconds=seconds
        )
        given["body"] = body
        digest = hashlib.sha256(body.model_dump_json().encode()).digest()
    elif not operation.streams and request.can_read_body:
        await _nothing(request, seconds=seconds)
    return given, digest


def _path(request: web.Request, shape: type[Text]) -> BaseModel:
    try:
        return bodies.parsed(shape, dict(request.match_info))
    except Malformed:  # an id that cannot exist does not exist
        raise NotFound from None


async def _nothing(request: web.Request, *, seconds: float) -> None:
    """Read a body where none belongs: only an empty JSON object passes, as lenient clients send."""
    text = await bodies.whole(request, limit=16, seconds=seconds)
    if text.strip() not in {b"", b"{}"}:
        raise Malformed("this route reads no body")


def _once(request: web.Request, operation: Operation, agency: str, digest: bytes) -> Once | None:
    key = request.headers.get("Idempotency-Key")
    if key is None or not operation.creates:
        return None
    if _KEY.fullmatch(key) is None:
        raise Malformed("an Idempotency-Key has 1 to 128 visible characters")
    name = f"{operation.name}\n{request.path}\n".encode("ascii")
    asked = labelled("xch-idempotent-request-v1", hashlib.sha256(name).digest(), digest)
    return Once(agency, key.strip('"'), asked)
