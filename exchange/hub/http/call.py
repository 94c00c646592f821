"""What a handler works with: the hub, who calls, and the parts of the HTTP side.

`Call` is made by `exchange.hub.http.binding` after authentication; nobody else makes one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from exchange.hub.http.limits import Limits
from exchange.hub.http.tokens import AccessTokens
from exchange.hub.metrics.traffic import Traffic
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.settings import Http


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The parts of the HTTP side, made once by `exchange.hub.app`."""

    hub: Hub
    settings: Http
    limits: Limits
    tokens: AccessTokens
    hosts: frozenset[str]
    """Values of `Host` that are answered, in lower case."""
    open_entries: bool
    """Whether entries of the log are for everybody, not for agencies alone."""
    address: Callable[[web.Request], str] = field(repr=False)
    """Returns the address a request comes from, seen through trusted proxies."""
    traffic: Traffic = field(default_factory=Traffic, repr=False)
    """Counts what was answered."""


FRONT = web.AppKey("front", Front)


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request."""

    request: web.Request = field(repr=False)
    front: Front = field(repr=False)
    agency: str
    """Who calls, as its token says; never what a body or header says."""
    once: Once | None
    """The caller's `Idempotency-Key`, if it sent one."""

    @property
    def hub(self) -> Hub:
        """The parts that verbs work with."""
        return self.front.hub
