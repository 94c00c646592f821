"""Logins on their way to the provider and back: ten minutes, used once, found by their cookie."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert

from exchange.hub.storage.officer_tables import officer_logins

_ADD = insert(officer_logins)
_TAKE = (
    delete(officer_logins)
    .where(officer_logins.c.digest == bindparam("of"))
    .returning(
        officer_logins.c.state,
        officer_logins.c.nonce,
        officer_logins.c.verifier,
        officer_logins.c.fresh,
        officer_logins.c.until,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What the answer of the provider must fit."""

    state: str = field(repr=False)
    """Comes back in the query: this browser began it."""
    nonce: str = field(repr=False)
    """Comes back in the ID token: it was made for this attempt."""
    verifier: str = field(repr=False)
    """Goes with the code: only who began can use it (RFC 7636)."""
    fresh: bool
    """Whether she has to prove who she is now, and not some time today."""
    until: datetime


def add(conn: Connection, digest: str, attempt: Attempt) -> None:
    """Store an attempt under the digest of its cookie."""
    row = {
        "digest": digest,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "verifier": attempt.verifier,
        "fresh": attempt.fresh,
        "until": attempt.until,
    }
    conn.execute(_ADD, row)


def take(conn: Connection, digest: str, *, now: datetime) -> Attempt | None:
    """Return an attempt and forget it; None: there is none, or its time has passed."""
    row = conn.execute(_TAKE, {"of": digest}).one_or_none()
    if row is None or row.until <= now:
        return None
    return Attempt(
        state=row.state, nonce=row.nonce, verifier=row.verifier, fresh=row.fresh, until=row.until
    )


def sweep(conn: Connection, *, now: datetime) -> int:
    """Forget attempts whose time has passed, and return how many."""
    gone = delete(officer_logins).where(officer_logins.c.until <= now)
    return conn.execute(gone).rowcount
