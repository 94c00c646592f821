"""Binds verbs to operations: authenticate, count, parse, call, render.

The order is that of docs/formats.md, order of checks: nothing about an object is looked at
before the caller is known, counted, and has sent something that can be parsed.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from aiohttp import web
from pydantic import BaseModel

from exchange.hub.http.call import FRONT, Call, Front
from exchange.hub.http.caller import authenticated
from exchange.hub.http.limits import in_turn, within
from exchange.hub.repeat import Once
from exchange.serving.given import Key, given, key_of, rendered
from exchange.serving.middleware import CALLER
from exchange.wire import routes
from exchange.wire.routes import Operation
from exchange.wire.shapes import Shape

Verb: TypeAlias = Callable[..., Awaitable[Shape]]
Streaming: TypeAlias = Callable[..., Awaitable[web.StreamResponse]]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATIENT = frozenset({routes.WITHDRAW, routes.CONFIRM_ERASURE, routes.PUT_KEY_STATEMENT})
"""Never refused for being too many: they stop an exchange, or a stolen key."""


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
        found, digest = await given(request, operation, seconds=here.settings.body_s)
        once = _once(agency, key_of(request, operation, digest))
        answered: web.StreamResponse = await answer(Call(request, here, agency, once), found)
        return answered

    return handler


def _once(agency: str, key: Key | None) -> Once | None:
    return None if key is None else Once(agency, key.key, key.request)
