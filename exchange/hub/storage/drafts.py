"""Drafts of electronic consents that wait for the person. Gone is gone: no state, no trace."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from exchange.errors import Conflict, StatementNotAcceptable
from exchange.hub.storage.tables import consents, drafts


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A draft as it is stored."""

    id: str
    """Also of the consent it may become."""
    agency: str
    """The collecting agency; to others it does not exist."""
    agreement: str
    """Digest."""
    invitation: str
    """Digest of the code with which the person opens it."""
    until: datetime
    draft: bytes
    """As uploaded."""
    signed: str | None = None
    """The signing input she has signed; None while it waits."""
    signature: bytes | None = field(default=None, repr=False)
    """64 bytes; with `signed`, or None."""


def add(conn: Connection, new: Draft, *, now: datetime) -> Draft:
    """Store a draft and return it; the very same again gets the first, with its deadline.

    Raises:
        Conflict: id or invitation was used for something else.
    """
    taken = or_(drafts.c.id == new.id, drafts.c.invitation == new.invitation)
    before = [_draft(row) for row in conn.execute(select(drafts).where(taken))]
    for found in before:
        if _said(found) == _said(new) and now < found.until:
            return found
    if before or conn.execute(select(exists().where(consents.c.id == new.id))).scalar():
        raise Conflict
    row = {
        "id": new.id,
        "agency": new.agency,
        "agreement": new.agreement,
        "invitation": new.invitation,
        "until": new.until,
        "draft": new.draft,
    }
    conn.execute(insert(drafts), row)
    return new


def _said(draft: Draft) -> tuple[str, str, str, bytes]:
    return draft.id, draft.agency, draft.invitation, draft.draft


def count(conn: Connection, agency: str) -> int:
    """Return how many drafts of an agency wait."""
    query = select(func.count()).select_from(drafts).where(drafts.c.agency == agency)
    return conn.execute(query).scalar_one()


def own(conn: Connection, id: str, agency: str, *, now: datetime) -> Draft | None:  # noqa: A002
    """Return a draft to the agency that collects it, or None: absent, another's, expired."""
    return _one(conn, drafts.c.id == id, drafts.c.agency == agency, drafts.c.until > now)


def opened(conn: Connection, invitation: str, *, now: datetime) -> Draft | None:
    """Return the draft that an invitation opens, or None; one look-up either way."""
    return _one(conn, drafts.c.invitation == invitation, drafts.c.until > now)


def put_signature(
    conn: Connection,
    id: str,  # noqa: A002
    signed: str | None,
    signature: bytes | None,
) -> None:
    """Store what the person has signed, or with None forget it."""
    values = {"signed": None if signed is None else signed.encode("ascii"), "signature": signature}
    conn.execute(update(drafts).where(drafts.c.id == id).values(values))


def forget(conn: Connection, id: str, agency: str) -> None:  # noqa: A002
    """Delete a draft of this agency; harmless where there is none."""
    conn.execute(delete(drafts).where(drafts.c.id == id, drafts.c.agency == agency))


def complete(conn: Connection, id: str, agency: str, payload: str) -> None:  # noqa: A002
    """Delete the draft of an electronic consent that is being recorded in this unit of work.

    What she takes back counts nothing from then on. So it is not enough that her signature
    verifies: it must lie here still.

    Args:
        conn: of the unit of work that stores the consent.
        id: of the consent.
        agency: that has collected it.
        payload: of its statement, base64url as it was signed.

    Raises:
        StatementNotAcceptable: the person has not signed this, has taken her signature back, or
            the draft is gone.
    """
    found = _one(conn, drafts.c.id == id, drafts.c.agency == agency)
    if found is None or found.signed is None or found.signed.partition(".")[2] != payload:
        raise StatementNotAcceptable
    forget(conn, id, agency)


def sweep(conn: Connection, *, now: datetime, limit: int) -> int:
    """Delete drafts whose time has passed, and return how many."""
    due = select(drafts.c.id).where(drafts.c.until <= now).limit(limit)
    free = due.with_for_update(skip_locked=True)
    return conn.execute(delete(drafts).where(drafts.c.id.in_(free))).rowcount


def _one(conn: Connection, *conditions: ColumnElement[bool]) -> Draft | None:
    # Locked until the unit ends: signing, taking back and recording come one after the other.
    row = conn.execute(select(drafts).where(*conditions).with_for_update()).one_or_none()
    return None if row is None else _draft(row)


def _draft(row: Row[*tuple[object, ...]]) -> Draft:
    return Draft(
        id=row.id,
        agency=row.agency,
        agreement=row.agreement,
        invitation=row.invitation,
        until=row.until,
        draft=row.draft,
        signed=None if row.signed is None else row.signed.decode("ascii"),
        signature=row.signature,
    )
