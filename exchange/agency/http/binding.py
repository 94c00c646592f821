"""Binds verbs to operations: authenticate, parse, call, render."""

from dataclasses import dataclass, field

from aiohttp import web

from exchange.agency.http.caller import authenticated
from exchange.agency.http.keys import BOUNDS
from exchange.agency.office import Office
from exchange.agency.parts import Gateway
from exchange.errors import NotPermitted, Unauthenticated, Unavailable
from exchange.serving import binding
from exchange.serving.binding import Answer, Handler
from exchange.serving.given import Key, given, key_of
from exchange.wire.routes import Operation

NOT_ADMITTED = (
    "the hub does not admit this agency; look at the clock, the id and the registered key"
)
DENIED = (
    "the hub does not permit it, and never says why; compare with the consent and the agreement"
)


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request."""

    request: web.Request = field(repr=False)
    office: Office = field(repr=False)
    key: Key | None
    """The caller's `Idempotency-Key`, if it sent one."""

    @property
    def gateway(self) -> Gateway:
        """The parts that verbs work with."""
        return self.office.gateway


class Routes(binding.Routes[Call]):
    """Handlers of one resource of the local API, by operation."""

    def handler(self, operation: Operation, answer: Answer[Call]) -> Handler:
        """Return what authenticates and parses, answers, and tells the hub's no as the hub's."""

        async def handler(request: web.Request) -> web.StreamResponse:
            office = authenticated(request)
            found, digest = await given(request, operation, seconds=request.app[BOUNDS].body_s)
            call = Call(request, office, key_of(request, operation, digest))
            try:
                return await answer(call, found)
            except Unauthenticated:  # the caller is authenticated here; it is the hub that says no
                raise Unavailable(NOT_ADMITTED) from None
            except NotPermitted:
                raise NotPermitted(DENIED) from None

        return handler
