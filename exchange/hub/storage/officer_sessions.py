"""Sessions of officers, each known by the digest of its cookie: a stolen row opens nothing."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from exchange.hub.storage.officer_tables import officer_sessions, officers
from exchange.hub.storage.officers import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A session with the account it belongs to."""

    officer: str
    role: Role
    agency: str | None
    seen_at: datetime
    proved_at: datetime
    until: datetime
    """When it ends in any case."""


def find(conn: Connection, digest: str) -> Row | None:
    """Return the session of a cookie, whatever the time; None where there is none."""
    query = (
        select(
            officer_sessions.c.officer,
            officers.c.role,
            officers.c.agency,
            officer_sessions.c.seen_at,
            officer_sessions.c.proved_at,
            officer_sessions.c.until,
        )
        .join_from(officer_sessions, officers)
        .where(officer_sessions.c.digest == digest, officers.c.removed_at.is_(None))
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return Row(
        officer=row.officer,
        role=row.role,
        agency=row.agency,
        seen_at=row.seen_at,
        proved_at=row.proved_at,
        until=row.until,
    )


def add(
    conn: Connection,
    digest: str,
    officer: str,
    *,
    until: datetime,
    at: datetime,
    proved_at: datetime,
) -> None:
    """Store a session that begins now, with a proof that may be older."""
    row = {
        "digest": digest,
        "officer": officer,
        "made_at": at,
        "seen_at": at,
        "proved_at": proved_at,
        "until": until,
    }
    conn.execute(insert(officer_sessions), row)


def keep_newest(conn: Connection, officer: str, count: int) -> None:
    """End all sessions of an account but the newest ones."""
    newest = (
        select(officer_sessions.c.digest)
        .where(officer_sessions.c.officer == officer)
        .order_by(officer_sessions.c.made_at.desc(), officer_sessions.c.digest)
        .limit(count)
    )
    kept = conn.execute(newest).scalars().all()
    conn.execute(
        delete(officer_sessions).where(
            officer_sessions.c.officer == officer, officer_sessions.c.digest.not_in(kept)
        )
    )


def touch(conn: Connection, digest: str, *, at: datetime) -> None:
    """Note that a session is in use; harmless where it has ended meanwhile."""
    conn.execute(
        update(officer_sessions).where(officer_sessions.c.digest == digest).values(seen_at=at)
    )


def end(conn: Connection, digest: str) -> str | None:
    """Delete a session and return whose it was; None where there was none."""
    gone = delete(officer_sessions).where(officer_sessions.c.digest == digest)
    return conn.execute(gone.returning(officer_sessions.c.officer)).scalar_one_or_none()


def sweep(conn: Connection, *, now: datetime, seen_before: datetime, limit: int) -> int:
    """Delete sessions whose time has passed or that rest since then, and return how many."""
    over = (officer_sessions.c.until <= now) | (officer_sessions.c.seen_at <= seen_before)
    due = select(officer_sessions.c.digest).where(over).limit(limit)
    free = due.with_for_update(skip_locked=True)
    gone = delete(officer_sessions).where(officer_sessions.c.digest.in_(free))
    return conn.execute(gone).rowcount
