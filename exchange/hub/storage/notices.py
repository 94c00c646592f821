"""The outbox of notices: content-free, queued with what they are about, sent after it committed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

from sqlalchemy import Connection, Select, and_, bindparam, delete, insert, or_, select, update

from exchange.hub.storage.reaches import Reach, reach_of
from exchange.hub.storage.tables import agencies, notices
from exchange.prepared import Prepared

Kind = Literal[
    "disclosure",
    "reminder",
    "erasure",
    "erasure-reminder",
    "erasure-overdue",
    "overdue",
    "request",
    "resend",
]

MERGED = 200
"""Notices of one agency that are merged into one at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A notice that is due."""

    id: str
    """The same at every attempt and on every channel, so that a receiver can drop repetitions."""
    agency: str
    kind: Kind
    attempts: int
    """Attempts that have failed."""
    created_at: datetime
    refused: int
    """Channels of the agency that will never take it, as bits by their places."""
    failing_since: datetime | None
    """Since when its present channel has failed; None before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Notices of one agency in the hand of one relay, all for the same channel."""

    reach: Reach
    place: int
    """Place of that channel in `reach.channels`."""
    waiting: tuple[Waiting, ...]
    """The oldest first; one at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How a notice that could not be delivered goes on."""

    place: int
    """Of the channel it is for next."""
    due: datetime
    refused: int
    failing_since: datetime | None
    failed: bool
    """Whether there was an attempt."""


_ADD = insert(notices)
_REACHABLE = Prepared(
    select(agencies.c.id).where(agencies.c.id == bindparam("of"), agencies.c.channel.is_not(None))
)
_IS_DUE = and_(notices.c.state == "waiting", notices.c.due_at <= bindparam("now"))
_DUE = (
    select(agencies.c.id)
    .join_from(agencies, notices)
    .where(_IS_DUE, agencies.c.state == "active", agencies.c.channel.is_not(None))
    .order_by(notices.c.due_at, notices.c.id)
    .limit(1)
)
_SINCE = _DUE.with_only_columns(notices.c.due_at).order_by(None).order_by(notices.c.due_at)
_NEXT = _DUE.with_for_update(of=agencies, key_share=True, skip_locked=True)
"""An agency that no other relay is looking at; SQLite, where one writes at a time, ignores that."""
_OF_AGENCY = (
    select(
        notices.c.id,
        notices.c.kind,
        notices.c.attempts,
        notices.c.created_at,
        notices.c.place,
        notices.c.refused,
        notices.c.failing_since,
    )
    .where(_IS_DUE, notices.c.agency == bindparam("of"))
    .order_by(notices.c.due_at, notices.c.id)
    .limit(MERGED)
    .with_for_update(skip_locked=True)
)
"""Without those that the end of a consent, not yet committed, is about to delete."""
_LAST = (
    select(notices.c.done_at)
    .where(
        notices.c.agency == bindparam("of"),
        notices.c.done_at.is_not(None),
        or_(
            notices.c.state == "sent",
            and_(notices.c.state == "waiting", notices.c.due_at > bindparam("now")),
        ),
    )
    .order_by(notices.c.done_at.desc())
    .limit(1)
)
"""When an agency was last told something, or is being told by a relay that has not given up."""
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


def any_due(conn: Connection, *, now: datetime) -> bool:
    """Tell whether a notice's time has come, for the relay to take it."""
    return conn.execute(_DUE, {"now": now}).one_or_none() is not None


def due_since(conn: Connection, *, now: datetime) -> datetime | None:
    """Return since when the oldest notice is due that a relay could take; None if none is."""
    found: datetime | None = conn.execute(_SINCE, {"now": now}).scalar()
    return found


def take(
    conn: Connection,
    *,
    now: datetime,
    quiet: timedelta,
    until: datetime,
    tasks: Collection[Kind] = (),
) -> Taken | None:
    """Take in hand what is due for one agency, so that no other relay sends it meanwhile.

    Taken is what is noted here and due again at `until`: if this relay dies, another one sends it
    then, under the same id. Suspended agencies get none.

    Args:
        conn: of the unit of work.
        now: hub time.
        quiet: an agency that was sent something so short a time ago is not told again yet: the
            moment would tell how much comes, so what comes soon after is merged.
        until: when others may take it.
        tasks: kinds that neither quiet hours nor a digest hold up.

    Returns:
        What to send, with nothing in it where the agency has to wait; None if nothing is due that
        is free.
    """
    # The agency's row is the lock: two relays would each find some of its notices. Nobody waits
    # for it here, so the order of locks is no matter.
    chosen = conn.execute(_NEXT, {"now": now}).scalar_one_or_none()
    if chosen is None:
        return None
    due = conn.execute(_OF_AGENCY, {"of": chosen, "now": now}).all()
    reach = reach_of(conn, chosen)
    if not due or reach is None:  # taken, or ending, since it was chosen
        return None
    last: datetime | None = conn.execute(_LAST, {"of": chosen, "now": now}).scalar_one_or_none()
    task = any(row.kind in tasks for row in due)
    held = reach.held_until(now, last=last, pause=quiet, task=task)
    if held is not None:
        postpone(conn, [row.id for row in due], until=held)
        return Taken(reach=reach, place=0, waiting=())
    # A hub of an earlier version may have changed the channels without looking at what waits.
    place = due[0].place % len(reach.channels)
    found = [row for row in due if row.place % len(reach.channels) == place]
    ids = [row.id for row in found]
    conn.execute(update(notices).where(notices.c.id.in_(ids)).values(due_at=until, done_at=now))
    waiting = tuple(
        Waiting(
            id=row.id,
            agency=chosen,
            kind=row.kind,
            attempts=row.attempts,
            created_at=row.created_at,
            refused=row.refused,
            failing_since=row.failing_since,
        )
        for row in found
    )
    return Taken(reach=reach, place=place, waiting=waiting)


def sent(conn: Connection, ids: Collection[str], *, at: datetime) -> None:
    """Note that these were delivered, one by itself or several merged into one."""
    _finish(conn, ids, "sent", at)


def park(conn: Connection, ids: Collection[str], *, at: datetime) -> None:
    """Give these up: the relay raises an alarm, and they stay to be seen."""
    _finish(conn, ids, "parked", at)


def postpone(conn: Connection, ids: Collection[str], *, until: datetime) -> None:
    """Let these wait, because their agency is not told now; they are in nobody's hand any more."""
    change = update(notices).where(notices.c.id.in_(_left(ids)))
    conn.execute(change.values(due_at=until, done_at=None))


def retry(conn: Connection, hows: Mapping[str, Retry]) -> None:
    """Let these wait that could not be delivered, perhaps for another channel.

    They are in nobody's hand any more: all in one unit of work, so that what was merged once is
    not divided between relays.

    Args:
        conn: of the unit of work.
        hows: how each goes on, by its id.
    """
    for notice, how in hows.items():
        change = (
            update(notices)
            .where(notices.c.id.in_(_left([notice])))
            .values(
                due_at=how.due,
                done_at=None,
                attempts=notices.c.attempts + int(how.failed),
                place=how.place,
                refused=how.refused,
                failing_since=how.failing_since,
            )
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
    change = update(notices).where(notices.c.id.in_(_left(ids))).values(state=state, done_at=at)
    conn.execute(change)


def _left(ids: Collection[str]) -> Select[tuple[str]]:
    """Select those that still wait; what an end is about to delete is left to it.

    A relay that waited for it, with locks on others, could make a withdrawal wait for the relay.
    """
    still = select(notices.c.id).where(notices.c.id.in_(ids), notices.c.state == "waiting")
    return still.with_for_update(skip_locked=True)
