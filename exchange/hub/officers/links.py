"""One-time links to log in: for a hub without a provider of logins, made by its operator."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from exchange.hub.parts import Hub

LIFE: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Link:
    """What the operator hands to one officer."""

    secret: str = field(repr=False)
    until: datetime


async def make(hub: Hub, officer: str) -> Link:
    """Make a link with which one account can be entered once.

    Raises:
        NotFound: no such account, or it was removed.
    """
    raise NotImplementedError


async def use(hub: Hub, secret: str, *, before: str = "") -> str | None:
    """Return the cookie of a new session; None where the link opens nothing, whatever the reason.

    Args:
        hub: the parts.
        secret: as it came, of any length.
        before: cookie the browser had until now; see `sessions.begin`.
    """
    raise NotImplementedError
