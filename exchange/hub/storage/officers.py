"""Accounts of the officers' desk, the links made for them, and who logged in when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from exchange.errors import Conflict
from exchange.hub.storage.officer_tables import (
    officer_keys,
    officer_links,
    officer_sessions,
    officer_visits,
    officers,
)

Role = Literal["officer", "auditor", "operator"]
What = Literal["link-made", "login", "proved", "logout", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account. No name of a person belongs to it."""

    id: str
    role: Role
    agency: str | None
    """Whose records an officer reads; None for the two others."""
    issuer: str | None
    subject: str | None
    """Who she is at the provider of logins; both or none."""
    created_at: datetime
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An account, and how it is used."""

    account: Account
    came_at: datetime | None
    """Its last login or proof of who somebody is; None: none within a year."""
    sessions: int
    """That open something now."""


def add(conn: Connection, new: Account) -> None:
    """Store an account.

    Raises:
        Conflict: this login at the provider has an account already.
    """
    if new.subject is not None:
        taken = exists().where(officers.c.issuer == new.issuer, officers.c.subject == new.subject)
        if conn.execute(select(taken)).scalar():
            raise Conflict("this login has an account already")
    row = {
        "id": new.id,
        "role": new.role,
        "agency": new.agency,
        "issuer": new.issuer,
        "subject": new.subject,
        "created_at": new.created_at,
    }
    conn.execute(insert(officers), row)


def every(conn: Connection) -> tuple[Account, ...]:
    """Return every account, the oldest first."""
    query = select(officers).order_by(officers.c.created_at, officers.c.id)
    return tuple(_account(row) for row in conn.execute(query))


def known(
    conn: Connection, *, now: datetime, seen_since: datetime, after: str | None, limit: int
) -> tuple[Known, ...]:
    """Return accounts that were not removed, in the order of their ids, and how they are used.

    Args:
        conn: may be a reader's.
        now: hub time: sessions whose time is over are not counted.
        seen_since: nor those that have rested since then.
        after: id of the last one of the page before.
        limit: most accounts.
    """
    came = (
        select(func.max(officer_visits.c.at))
        .where(
            officer_visits.c.officer == officers.c.id,
            officer_visits.c.what.in_(("login", "proved")),
        )
        .scalar_subquery()
    )
    sessions = (
        select(func.count())
        .where(
            officer_sessions.c.officer == officers.c.id,
            officer_sessions.c.until > now,
            officer_sessions.c.seen_at > seen_since,
        )
        .scalar_subquery()
    )
    query = (
        select(officers, came.label("came_at"), sessions.label("sessions"))
        .where(officers.c.removed_at.is_(None), officers.c.id > (after or ""))
        .order_by(officers.c.id)
        .limit(limit)
    )
    return tuple(
        Known(account=_account(row), came_at=row.came_at, sessions=row.sessions)
        for row in conn.execute(query)
    )


def find(conn: Connection, id: str) -> Account | None:  # noqa: A002
    """Return an account that was not removed, locked until the unit ends; None where none is."""
    query = select(officers).where(officers.c.id == id, officers.c.removed_at.is_(None))
    row = conn.execute(query.with_for_update()).one_or_none()
    return None if row is None else _account(row)


def by_login(conn: Connection, issuer: str, subject: str) -> Account | None:
    """Return the account of a login at the provider, or None."""
    query = select(officers).where(officers.c.issuer == issuer, officers.c.subject == subject)
    row = conn.execute(query).one_or_none()
    return None if row is None else _account(row)


def remove(conn: Connection, id: str, *, at: datetime) -> None:  # noqa: A002
    """End an account, and with it every session, link and key; its login may get another one."""
    gone = {"removed_at": at, "issuer": None, "subject": None}
    conn.execute(update(officers).where(officers.c.id == id).values(gone))
    conn.execute(delete(officer_sessions).where(officer_sessions.c.officer == id))
    conn.execute(delete(officer_links).where(officer_links.c.officer == id))
    conn.execute(delete(officer_keys).where(officer_keys.c.officer == id))
    note(conn, id, "removed", at=at)


def add_link(conn: Connection, officer: str, digest: str, *, until: datetime, at: datetime) -> None:
    """Store what a one-time link is known by."""
    row = {"digest": digest, "officer": officer, "made_at": at, "until": until}
    conn.execute(insert(officer_links), row)
    note(conn, officer, "link-made", at=at)


def is_open(conn: Connection, digest: str, *, now: datetime) -> bool:
    """Tell whether a link still opens something; whoever uses it asks again by using it."""
    query = select(officer_links.c.digest).where(*_open(digest, now))
    return conn.execute(query).first() is not None


def use_link(conn: Connection, digest: str, *, now: datetime) -> str | None:
    """Use up a link and return whose it is; None where it opens nothing."""
    used = update(officer_links).where(*_open(digest, now)).values(used_at=now)
    return conn.execute(used.returning(officer_links.c.officer)).scalar_one_or_none()


def note(conn: Connection, officer: str, what: What, *, at: datetime) -> None:
    """Remember that somebody came, proved who she is, or left."""
    row = {"id": str(uuid4()), "officer": officer, "at": at, "what": what}
    conn.execute(insert(officer_visits), row)


def visits(conn: Connection, officer: str, *, limit: int) -> tuple[tuple[datetime, What], ...]:
    """Return when an account was used last and for what, the newest first."""
    newest = (
        select(officer_visits.c.at, officer_visits.c.what)
        .where(officer_visits.c.officer == officer)
        .order_by(officer_visits.c.at.desc(), officer_visits.c.id)
        .limit(limit)
    )
    return tuple((row.at, row.what) for row in conn.execute(newest))


def forget_links(conn: Connection, *, now: datetime, limit: int) -> int:
    """Delete links whose time has passed, and return how many."""
    due = select(officer_links.c.digest).where(officer_links.c.until <= now).limit(limit)
    free = due.with_for_update(skip_locked=True)
    return conn.execute(delete(officer_links).where(officer_links.c.digest.in_(free))).rowcount


def forget_visits(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete visits of that time, and return how many."""
    due = select(officer_visits.c.id).where(officer_visits.c.at < before).limit(limit)
    free = due.with_for_update(skip_locked=True)
    return conn.execute(delete(officer_visits).where(officer_visits.c.id.in_(free))).rowcount


def forget_removed(conn: Connection, *, limit: int) -> int:
    """Delete removed accounts of which no visit is left, and return how many."""
    visited = exists().where(officer_visits.c.officer == officers.c.id)
    due = select(officers.c.id).where(officers.c.removed_at.is_not(None), ~visited).limit(limit)
    gone = conn.execute(due.with_for_update(skip_locked=True)).scalars().all()
    # A hub of the schema before has removed an account and left its key.
    conn.execute(delete(officer_keys).where(officer_keys.c.officer.in_(gone)))
    return conn.execute(delete(officers).where(officers.c.id.in_(gone))).rowcount


def _open(digest: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        officer_links.c.digest == digest,
        officer_links.c.used_at.is_(None),
        officer_links.c.until > now,
    )


def _account(row: Row[*tuple[object, ...]]) -> Account:
    return Account(
        id=row.id,
        role=row.role,
        agency=row.agency,
        issuer=row.issuer,
        subject=row.subject,
        created_at=row.created_at,
        removed_at=row.removed_at,
    )
