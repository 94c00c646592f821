"""Binds verbs to operations: authenticate, parse, call, render."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiohttp import web
from pydantic import BaseModel

from exchange.agency.http.caller import authenticated
from exchange.agency.http.keys import BOUNDS
from exchange.agency.office import Office
from exchange.agency.parts import Gateway
from exchange.errors import NotPermitted, Unauthenticated, Unavailable
from exchange.serving.given import Key, given, key_of, rendered
from exchange.wire.routes import Operation
from exchange.wire.shapes import Shape

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


Verb: TypeAlias = Callable[..., Awaitable[Shape]]
Streaming: TypeAlias = Callable[..., Awaitable[web.StreamResponse]]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Routes:
    """Handlers of one resource, by operation."""

    def __init__(self) -> None:
        self.bound: dict[Operation, Handler] = {}

    def handles(self, operation: Operation) -> Callable[[Verb], Verb]:
        """Bind a function that takes `Call` and shapes (`path`, `query`, `body`)."""

        def bind(verb: Verb) -> Verb:
            async def answer(call: Call, found: Mapping[str, BaseModel]) -> web.StreamResponse:
                return rendered(operation, await verb(call, **found))

            self.bound[operation] = _handler(operation, answer)
            return verb

        return bind

    def streams(self, operation: Operation) -> Callable[[Streaming], Streaming]:
        """Bind a function that reads the body itself, or answers with something else than JSON."""

        def bind(verb: Streaming) -> Streaming:
            async def answer(call: Call, found: Mapping[str, BaseModel]) -> web.StreamResponse:
                return await verb(call, **found)

            self.bound[operation] = _handler(operation, answer)
            return verb

        return bind


def _handler(
    operation: Operation, answer: Callable[[Call, Mapping[str, BaseModel]], Awaitable[Any]]
) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        office = authenticated(request)
        found, digest = await given(request, operation, seconds=request.app[BOUNDS].body_s)
        call = Call(request, office, key_of(request, operation, digest))
        try:
            answered: web.StreamResponse = await answer(call, found)
        except Unauthenticated:  # the caller is authenticated here; it is the hub that says no
            raise Unavailable(NOT_ADMITTED) from None
        except NotPermitted:
            raise NotPermitted(DENIED) from None
        return answered

    return handler
