"""Binds verbs to operations, the same way on both sides.

Who asks, what is counted and how a refusal is told differs: that is each server's `handler`.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeAlias, TypeVar

from aiohttp import web
from pydantic import BaseModel

from exchange.serving.given import rendered
from exchange.wire.routes import Operation
from exchange.wire.shapes import Shape

Called = TypeVar("Called")
Verb: TypeAlias = Callable[..., Awaitable[Shape]]
Streaming: TypeAlias = Callable[..., Awaitable[web.StreamResponse]]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answer: TypeAlias = Callable[[Called, Mapping[str, BaseModel]], Awaitable[web.StreamResponse]]
"""Takes what a server knows of an authenticated request, and its shapes by name."""


class Routes(ABC, Generic[Called]):
    """Handlers of one resource, by operation."""

    def __init__(self) -> None:
        self.bound: dict[Operation, Handler] = {}

    @abstractmethod
    def handler(self, operation: Operation, answer: Answer[Called]) -> Handler:
        """Return what looks at a request, from its caller to its shapes, and then answers it."""

    def handles(self, operation: Operation) -> Callable[[Verb], Verb]:
        """Bind a function that takes a call and shapes (`path`, `query`, `body`)."""

        def bind(verb: Verb) -> Verb:
            async def answer(call: Called, found: Mapping[str, BaseModel]) -> web.StreamResponse:
                return rendered(operation, await verb(call, **found))

            self.bound[operation] = self.handler(operation, answer)
            return verb

        return bind

    def streams(self, operation: Operation) -> Callable[[Streaming], Streaming]:
        """Bind a function that reads the body itself, or answers with something else than JSON."""

        def bind(verb: Streaming) -> Streaming:
            async def answer(call: Called, found: Mapping[str, BaseModel]) -> web.StreamResponse:
                return await verb(call, **found)

            self.bound[operation] = self.handler(operation, answer)
            return verb

        return bind
