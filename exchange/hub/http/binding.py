"""Binds verbs to operations: authenticate, count, parse, call, render.

The order is that of docs/formats.md, order of checks: nothing about an object is looked at
before the caller is known, counted, and has sent something that can be parsed.
"""

from aiohttp import web

from exchange.hub.http.call import FRONT, Call, Front
from exchange.hub.http.caller import authenticated
from exchange.hub.http.limits import in_turn, within
from exchange.hub.repeat import Once
from exchange.serving import binding
from exchange.serving.binding import Answer, Handler
from exchange.serving.given import Key, given, key_of
from exchange.serving.middleware import CALLER
from exchange.wire import routes
from exchange.wire.routes import Operation

PATIENT = frozenset({routes.WITHDRAW, routes.CONFIRM_ERASURE, routes.PUT_KEY_STATEMENT})
"""Never refused for being too many: they stop an exchange, or a stolen key."""


class Routes(binding.Routes[Call]):
    """Handlers of one resource of the hub, by operation."""

    def handler(self, operation: Operation, answer: Answer[Call]) -> Handler:
        """Return what authenticates, counts and parses, and then answers."""
        patient = operation in PATIENT

        async def handler(request: web.Request) -> web.StreamResponse:
            here = request.app[FRONT]
            agency = await authenticated(request, here, scope=operation.scope)
            request[CALLER] = agency
            if patient:
                await in_turn(here.limits.patient, agency)
                return await answered(request, here, agency)
            within(here.limits.requests, agency)
            with here.limits.parallel.one(agency):
                return await answered(request, here, agency)

        async def answered(request: web.Request, here: Front, agency: str) -> web.StreamResponse:
            found, digest = await given(request, operation, seconds=here.settings.body_s)
            once = _once(agency, key_of(request, operation, digest))
            return await answer(Call(request, here, agency, once), found)

        return handler


def _once(agency: str, key: Key | None) -> Once | None:
    return None if key is None else Once(agency, key.key, key.request)
