"""Sessions of officers: rows of the database, so that every replica ends one at the same moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub

COOKIE: Final = "__Host-session"
IDLE: Final = timedelta(minutes=30)
LIFE: Final = timedelta(hours=8)
FRESH: Final = timedelta(minutes=10)
"""How long ago an officer may have proved who she is when she takes an export away."""
MOST: Final = 3
"""Sessions of one account; one more ends the oldest."""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser whose user has proved that an account is hers."""

    officer: Officer
    proved_at: datetime


async def begin(hub: Hub, officer: str, *, before: str = "") -> str | None:
    """Return the cookie of a new session, after somebody proved that the account is hers.

    The only way to a session: the proof was a one-time link or a provider's answer.

    Args:
        hub: the parts.
        officer: id of the account.
        before: cookie her browser had until now: that session ends with the new one.

    Returns:
        None: the account has been removed.
    """
    raise NotImplementedError


async def find(hub: Hub, cookie: str) -> Session | None:
    """Return the session of a cookie, which lives on by that; None where there is none."""
    raise NotImplementedError


async def end(hub: Hub, cookie: str) -> None:
    """End the session of a cookie; harmless where there is none."""
    raise NotImplementedError


def fresh(session: Session, *, now: datetime) -> bool:
    """Tell whether the proof is young enough to take an export away."""
    return now - session.proved_at < FRESH
