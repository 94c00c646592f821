"""What a doctor sees in the state of a gateway: what waits for whom, and why."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from exchange.agency import arrivals, handed, state
from exchange.agency.advice import ADVICE, UNKNOWN
from exchange.agency.findings import Finding, ok, warn
from exchange.agency.handed import Handing
from exchange.agency.state import Erasing, Sending
from exchange.days import day_of, last_day


def waiting(conn: Connection, now: datetime) -> Iterator[Finding]:
    """Say what waits, and for whom."""
    found = [
        *_sending(conn),
        *_held(conn),
        *_aside(conn, now),
        *_handed(conn, now),
        *_erasures(conn),
    ]
    yield from found or [ok("waiting", "nothing waits for anybody here")]


def _sending(conn: Connection) -> Iterator[Finding]:
    sealed = state.list_sent(conn, (Sending.SEALED,))
    if sealed:
        yield warn(
            "sending",
            f"{len(sealed)} sealed documents are not at the hub yet",
            "they go out by themselves when the hub answers; until then nothing is lost",
        )


def _held(conn: Connection) -> Iterator[Finding]:
    reasons = Counter(reason for _, reason, _ in state.list_held(conn))
    for reason, count in sorted(reasons.items()):
        yield warn(
            "receiving", f"{count} are held at the hub ({reason})", ADVICE.get(reason, UNKNOWN)
        )


def _aside(conn: Connection, now: datetime) -> Iterator[Finding]:
    aside = arrivals.list_aside(conn, now)
    if aside:
        until = last_day(aside[0].seen_at + arrivals.KEPT_ASIDE)
        yield warn(
            "quarantine",
            f"{len(aside)} documents lie in quarantine, the oldest until {until}",
            "release or reject them on the local page; exchange gateway status says why",
        )


def _handed(conn: Connection, now: datetime) -> Iterator[Finding]:
    kept = handed.list_open(conn)
    parked = Counter((one.destination, one.reason) for one in kept if one.state is Handing.PARKED)
    for (destination, reason), count in sorted(parked.items(), key=str):
        yield warn(
            "delivery",
            f"{count} deliveries to {destination} are parked ({reason})",
            "look at that system; the documents lie in the spool",
        )
    late = Counter(
        one.destination for one in kept if one.state is Handing.WAITING and one.attempts > 1
    )
    for destination, count in sorted(late.items()):
        yield warn(
            "delivery",
            f"{count} deliveries to {destination} are being repeated",
            "look whether that system works",
        )
    forgotten = handed.list_forgotten(conn, now - handed.FORGOTTEN)
    if forgotten:
        yield warn(
            "spool",
            f"{len(forgotten)} documents were not fetched, the oldest since "
            f"{day_of(forgotten[0].since)}",
            "let the back office fetch them; nothing is removed before",
        )


def _erasures(conn: Connection) -> Iterator[Finding]:
    asked = state.list_erasures(conn, Erasing.ASKED)
    if asked:
        yield warn(
            "erasures",
            f"{len(asked)} erasures wait for your word, the first until {day_of(asked[0].due)}",
            "exchange gateway status says what to erase; then run: exchange gateway erased",
        )
