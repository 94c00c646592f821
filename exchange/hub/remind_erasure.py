"""Remind an agency now of an erasure that it owes another one: an officer's button."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import structlog
from sqlalchemy import Connection

from exchange.errors import Conflict, NotFound, NotPermitted
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import consents, notices, reminders

ONCE: Final = timedelta(days=1)
"""One agency is told of one erasure so often and no more, by whomever."""

Outcome = Literal["queued", "today", "no-channel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """What became of the wish."""

    erasure: str
    recipient: str
    outcome: Outcome
    """`queued`: a notice without content is on its way. `today`: it was asked or reminded less
    than a day ago. `no-channel`: it has no way for notices; somebody has to call."""
    reminded_at: datetime | None
    """When it was last reminded, now included; None: never."""


def may_remind(asked_at: datetime, reminded_at: datetime | None, *, now: datetime) -> bool:
    """Tell whether a reminder would be the first of its day."""
    return now - max(asked_at, reminded_at or asked_at) >= ONCE


async def remind_erasure(hub: Hub, asker: Officer, erasure: str) -> Reminded:
    """Queue the reminder of an erasure that another agency owes the asker's.

    A repetition within the day queues nothing and says so: it may be a second click. The hub's
    own reminder and the word to all parties come all the same.

    Args:
        hub: the parts.
        asker: an officer of an agency.
        erasure: id of the request.

    Raises:
        NotPermitted: the asker reads no records.
        NotFound: absent, of others, or what her own agency has to erase: they look the same.
        Conflict: it was answered.
    """
    if asker.agency is None:
        raise NotPermitted
    found = await hub.db.write(_remind, hub, asker.agency, erasure)
    if found.outcome == "queued":
        events = structlog.get_logger("exchange.hub.remind_erasure")
        events.info("erasure-reminder", agency=asker.agency)
    return found


def _remind(conn: Connection, hub: Hub, agency: str, erasure: str) -> Reminded:
    found = reminders.find(conn, erasure, agency)
    if found is None:
        raise NotFound
    # Locked, then read anew: of two clicks at once the second sees what the first has queued.
    consents.find(conn, found.consent)
    found, now = reminders.find(conn, erasure, agency), hub.clock()
    if found is None:
        raise NotFound
    if found.answered_at is not None:
        raise Conflict("this erasure was answered")
    outcome: Outcome = "today"
    reminded_at = found.reminded_at
    if may_remind(found.asked_at, reminded_at, now=now):
        outcome = "no-channel"
        if _queued(conn, found, now):
            outcome, reminded_at = "queued", now
            reminders.note(conn, erasure, at=now)
    return Reminded(
        erasure=erasure, recipient=found.recipient, outcome=outcome, reminded_at=reminded_at
    )


def _queued(conn: Connection, found: reminders.Owed, now: datetime) -> bool:
    notices.enqueue(
        conn,
        [found.recipient],
        "erasure-reminder",
        consent=found.consent,
        disclosure=None,
        at=now,
    )
    sent = reminders.newest(conn, [found.consent])
    return sent.get((found.consent, found.recipient)) == now
