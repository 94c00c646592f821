"""Sessions of officers: rows of the database, so that every replica ends one at the same moment.

A proof of who somebody is - a one-time link, a provider's answer - always begins a new session
and ends the one before: what a browser had earlier opens nothing afterwards.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import structlog
from sqlalchemy import Connection

from exchange.canonical import b64u
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import officer_sessions, officers
from exchange.hub.storage.officers import Account, What

COOKIE: Final = "__Host-session"
"""For this host alone, over TLS alone: browsers refuse the name from anybody else."""
IDLE: Final = timedelta(minutes=30)
LIFE: Final = timedelta(hours=8)
FRESH: Final = timedelta(minutes=10)
"""How long ago an officer may have proved who she is when she takes an export away."""
MOST: Final = 3
"""Sessions of one account; one more ends the oldest."""
TOUCH: Final = timedelta(minutes=1)
"""How old the note of the last click may be: a click a second is one write a minute."""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser whose user has proved that an account is hers."""

    officer: Officer
    proved_at: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has just begun, and what became of the one before."""

    account: Account
    what: What


def named(secret: str) -> str:
    """Return what a cookie or a link is known by: rows that leak open nothing."""
    return b64u(sha256(secret.encode("utf-8", "replace")).digest())


async def enter(
    hub: Hub, officer: str, *, before: str = "", proved_at: datetime | None = None
) -> str | None:
    """Return the cookie of a new session, after somebody proved that the account is hers.

    Args:
        hub: the parts.
        officer: id of the account.
        before: cookie her browser had until now: that session ends with the new one.
        proved_at: when somebody did; None: now.

    Returns:
        The cookie; None where the account has been removed.
    """
    cookie = secrets.token_urlsafe(32)
    begun = await hub.db.write(enter_within, hub, officer, cookie, before, proved_at)
    return cookie if begun is not None and told(begun) else None


def enter_within(
    conn: Connection,
    hub: Hub,
    officer: str,
    cookie: str,
    before: str,
    proved_at: datetime | None = None,
) -> Begun | None:
    """Begin a session in the unit of work that has seen the proof; see `enter`."""
    account, now = officers.find(conn, officer), hub.clock()
    if account is None:
        return None
    known = officer_sessions.end(conn, named(before)) == officer
    what: What = "proved" if known else "login"
    officer_sessions.keep_newest(conn, officer, MOST - 1)
    officer_sessions.add(
        conn, named(cookie), officer, until=now + LIFE, at=now, proved_at=proved_at or now
    )
    officers.note(conn, officer, what, at=now)
    return Begun(account, what)


def told(begun: Begun) -> bool:
    """Write the log line of a session that has begun, after its commit; always true."""
    event = "officer-proved" if begun.what == "proved" else "officer-login"
    structlog.get_logger("exchange.hub.officers").info(event, agency=begun.account.agency)
    return True


async def find(hub: Hub, cookie: str) -> Session | None:
    """Return the session of a cookie, which lives on by that; None where there is none.

    Absent, ended, idle too long and removed cost the same look.
    """
    digest, now = named(cookie), hub.clock()
    row = await hub.db.look(officer_sessions.find, digest)
    if row is None or now >= row.until or now - row.seen_at >= IDLE:
        return None
    if now - row.seen_at >= TOUCH:
        await hub.db.write(officer_sessions.touch, digest, at=now)
    return Session(Officer(row.officer, row.role, row.agency), row.proved_at)


async def end(hub: Hub, cookie: str) -> None:
    """End the session of a cookie; harmless where there is none."""
    if await hub.db.write(_end, hub, cookie):
        structlog.get_logger("exchange.hub.officers").info("officer-logout")


def _end(conn: Connection, hub: Hub, cookie: str) -> bool:
    officer = officer_sessions.end(conn, named(cookie))
    if officer is not None:
        officers.note(conn, officer, "logout", at=hub.clock())
    return officer is not None


async def end_all(hub: Hub, asker: Officer) -> None:
    """End every session of an account."""
    await hub.db.write(_end_all, hub, asker.id)
    structlog.get_logger("exchange.hub.officers").info("officer-logout", agency=asker.agency)


def _end_all(conn: Connection, hub: Hub, officer: str) -> None:
    officer_sessions.keep_newest(conn, officer, 0)
    officers.note(conn, officer, "logout", at=hub.clock())


def fresh(session: Session, *, now: datetime) -> bool:
    """Tell whether the proof is young enough to take an export away."""
    return now - session.proved_at < FRESH
