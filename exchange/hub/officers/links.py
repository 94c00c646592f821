"""One-time links to log in: for a hub without a provider of logins, made by its operator."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from exchange.errors import NotFound
from exchange.hub.officers import sessions
from exchange.hub.officers.sessions import Begun, named
from exchange.hub.parts import Hub
from exchange.hub.storage import officers
from exchange.hub.storage.officers import Account

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
    link = Link(secrets.token_urlsafe(32), hub.clock() + LIFE)
    made_for = await hub.db.write(_make, hub, officer, link)
    log = structlog.get_logger("exchange.hub.officers")
    log.info("officer-link-made", agency=made_for.agency)
    return link


def _make(conn: Connection, hub: Hub, officer: str, link: Link) -> Account:
    found = officers.find(conn, officer)
    if found is None:
        raise NotFound("no such account")
    officers.add_link(conn, officer, named(link.secret), until=link.until, at=hub.clock())
    return found


async def use(hub: Hub, secret: str, *, before: str = "") -> str | None:
    """Return the cookie of a new session; None where the link opens nothing, whatever the reason.

    The link is used up and the session begun in one unit of work: of two who press the button at
    once, one comes in.

    Args:
        hub: the parts.
        secret: as it came, of any length.
        before: cookie the browser had until now; see `sessions.enter`.
    """
    if not await hub.db.look(officers.is_open, named(secret), now=hub.clock()):
        return None  # whoever guesses makes nobody wait for the writer
    cookie = secrets.token_urlsafe(32)
    begun = await hub.db.write(_use, hub, secret, cookie, before)
    return cookie if begun is not None and sessions.told(begun) else None


def _use(conn: Connection, hub: Hub, secret: str, cookie: str, before: str) -> Begun | None:
    officer = officers.use_link(conn, named(secret), now=hub.clock())
    return None if officer is None else sessions.enter_within(conn, hub, officer, cookie, before)
