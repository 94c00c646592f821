"""Reminders of erasures that others owe: what was last sent to whom, by the hub or for an officer.

The hub's own reminder is a column of the erasure. What an officer sends before that is remembered
by the outbox, which keeps it longer than the hub waits with its own.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select, update

from exchange.hub.storage.erasures import owed
from exchange.hub.storage.tables import consents, erasures, notices

KINDS: Final = ("erasure-reminder", "erasure-overdue")
"""Notices by which the one who has to erase is reminded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """An erasure that others owe an agency."""

    consent: str
    """Digest."""
    recipient: str
    asked_at: datetime
    reminded_at: datetime | None
    """When the hub or an officer did, the newest of them."""
    answered_at: datetime | None


def find(conn: Connection, id: str, agency: str) -> Owed | None:  # noqa: A002 - the row's own word
    """Return an erasure that another agency owes to this one; None: absent, or none of its."""
    query = (
        select(erasures)
        .join_from(erasures, consents)
        .where(erasures.c.id == id, erasures.c.recipient != agency, owed(agency))
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    sent = newest(conn, [row.consent]).get((row.consent, row.recipient))
    return Owed(
        consent=row.consent,
        recipient=row.recipient,
        asked_at=row.asked_at,
        reminded_at=later(row.reminded_at, sent),
        answered_at=row.answered_at,
    )


def newest(conn: Connection, under: Collection[str]) -> dict[tuple[str, str], datetime]:
    """Return when an agency was last sent a reminder about a consent, as the outbox knows it.

    Args:
        conn: may be a reader's.
        under: digests of consents.
    """
    query = (
        select(notices.c.consent, notices.c.agency, func.max(notices.c.created_at).label("at"))
        .where(notices.c.consent.in_(sorted(under)), notices.c.kind.in_(KINDS))
        .group_by(notices.c.consent, notices.c.agency)
    )
    return {(row.consent, row.agency): row.at for row in conn.execute(query)}


def later(noted: datetime | None, sent: datetime | None) -> datetime | None:
    """Return the later of two moments that there may be."""
    return max((one for one in (noted, sent) if one is not None), default=None)


def note(conn: Connection, id: str, *, at: datetime) -> None:  # noqa: A002
    """Note a reminder at an erasure of which the hub has sent its own; that one is not replaced."""
    change = update(erasures).where(erasures.c.id == id, erasures.c.reminded_at.is_not(None))
    conn.execute(change.values(reminded_at=at))
