"""The outbox of notices: content-free, queued with what they are about, sent after it committed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from exchange.hub.storage.agencies import Reach
from exchange.hub.storage.tables import agencies, notices
from exchange.prepared import Prepared

Kind = Literal[
    "disclosure", "reminder", "erasure", "erasure-reminder", "erasure-overdue", "overdue", "request"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A notice that is due."""

    id: str
    """The same at every attempt, so that a receiver can drop repetitions."""
    agency: str
    kind: Kind
    reach: Reach
    attempts: int
    """Attempts that have failed."""
    created_at: datetime


_ADD = insert(notices)
_REACHABLE = Prepared(
    select(agencies.c.id).where(agencies.c.id == bindparam("of"), agencies.c.channel.is_not(None))
)
_DROP_OF_CONSENT = delete(notices).where(
    notices.c.state == "waiting", notices.c.consent == bindparam("cause")
)
_DROP = delete(notices).where(
    notices.c.state == "waiting", notices.c.disclosure.in_(bindparam("ids", expanding=True))
)


def enqueue(
    conn: Connection,
    to: Collection[str],
    kind: Kind,
    *,
    consent: str | None,
    disclosure: str | None,
    at: datetime,
) -> None:
    """Queue one notice for each of `to` that has a channel; sent only if this unit commits.

    Args:
        conn: of the unit of work.
        to: agencies to be told.
        kind: which constant text.
        consent: what it is about, so that an end takes the notice with it; never sent. None for
            what outlives the consent.
        disclosure: as `consent`.
        at: hub time; due at once, the relay merges what comes close together.
    """
    reachable = [agency for agency in to if _REACHABLE.one(conn, {"of": agency})]
    if not reachable:
        return
    conn.execute(
        _ADD,
        [
            {
                "id": str(uuid4()),
                "agency": agency,
                "kind": kind,
                "consent": consent,
                "disclosure": disclosure,
                "state": "waiting",
                "created_at": at,
                "due_at": at,
            }
            for agency in sorted(reachable)
        ],
    )


def due(conn: Connection, *, now: datetime, limit: int) -> tuple[Waiting, ...]:
    """Return notices whose time has come, the oldest first; suspended agencies get none."""
    query = (
        select(notices, agencies.c.channel, agencies.c.address, agencies.c.language)
        .join_from(notices, agencies)
        .where(
            notices.c.state == "waiting",
            notices.c.due_at <= now,
            agencies.c.state == "active",
            agencies.c.channel.is_not(None),
        )
        .order_by(notices.c.due_at, notices.c.id)
        .limit(limit)
    )
    return tuple(
        Waiting(
            id=row.id,
            agency=row.agency,
            kind=row.kind,
            reach=Reach(channel=row.channel, address=row.address, language=row.language),
            attempts=row.attempts,
            created_at=row.created_at,
        )
        for row in conn.execute(query)
    )


def next_due(conn: Connection) -> datetime | None:
    """Return when the next waiting notice is due, or None."""
    query = select(notices.c.due_at).where(notices.c.state == "waiting").order_by(notices.c.due_at)
    found: datetime | None = conn.execute(query.limit(1)).scalar_one_or_none()
    return found


def last_sent(conn: Connection, agency: str) -> datetime | None:
    """Return when an agency got its last notice, so that what comes soon after is merged."""
    query = (
        select(notices.c.done_at)
        .where(notices.c.agency == agency, notices.c.state == "sent")
        .order_by(notices.c.done_at.desc())
        .limit(1)
    )
    found: datetime | None = conn.execute(query).scalar_one_or_none()
    return found


def sent(conn: Connection, ids: Collection[str], *, at: datetime) -> None:
    """Note that these were delivered, one by itself or several merged into one."""
    _finish(conn, ids, "sent", at)


def park(conn: Connection, ids: Collection[str], *, at: datetime) -> None:
    """Give these up: the relay raises an alarm, and they stay to be seen."""
    _finish(conn, ids, "parked", at)


def postpone(conn: Connection, ids: Collection[str], *, until: datetime, failed: bool) -> None:
    """Let these wait, after a failed attempt or because something was sent a moment ago."""
    change = (
        update(notices)
        .where(notices.c.id.in_(ids), notices.c.state == "waiting")
        .values(due_at=until, attempts=notices.c.attempts + int(failed))
    )
    conn.execute(change)


def drop_under(conn: Connection, consent: str) -> None:
    """Delete what was not delivered about a consent that ended."""
    conn.execute(_DROP_OF_CONSENT, {"cause": consent})


def drop(conn: Connection, disclosures: Collection[str]) -> None:
    """Delete what was not delivered about these disclosures."""
    if disclosures:
        conn.execute(_DROP, {"ids": list(disclosures)})


def sweep(conn: Connection, *, sent_before: datetime, parked_before: datetime) -> int:
    """Delete notices whose time of retention has passed, and return how many."""
    old = delete(notices).where(
        or_(
            (notices.c.state == "sent") & (notices.c.done_at <= sent_before),
            (notices.c.state == "parked") & (notices.c.done_at <= parked_before),
        )
    )
    return conn.execute(old).rowcount


def _finish(conn: Connection, ids: Collection[str], state: str, at: datetime) -> None:
    change = (
        update(notices)
        .where(notices.c.id.in_(ids), notices.c.state == "waiting")
        .values(state=state, done_at=at)
    )
    conn.execute(change)
