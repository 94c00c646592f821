"""Erasure requests: whom a withdrawal asks to erase, and the signed answers.

Never closed by time.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)

from exchange.errors import Conflict
from exchange.hub.storage.tables import (
    agreement_parties,
    consents,
    disclosure_recipients,
    disclosures,
    erasures,
)

Reason = Literal["withdrawn", "unlawful"]
Role = Literal["asked", "asking"]
"""How a list is narrowed: to what the caller must answer, or what others owe it."""
Result = Literal["erased", "kept"]
UNLAWFUL_DUE = timedelta(days=3)
"""Time to answer when the disclosure itself was unlawful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One recipient that was asked to erase what it collected under one consent."""

    id: str
    consent: str
    consent_id: str
    chain: str
    """UUID of the consent's chain in the log."""
    recipient: str
    reason: Reason
    passed_on_by: str | None
    """Who passed it on to this recipient; None where the recipient collected it itself."""
    manifests: tuple[str, ...]
    """Digests of the manifests of what was collected, sorted."""
    disclosures: tuple[str, ...]
    """Their ids, in the same order: what a package that was passed on names in `onward_of`."""
    asked_at: datetime
    due: datetime
    answered_at: datetime | None
    result: Result | None
    confirmation: bytes | None
    """The signed answer, as received."""
    confirmation_digest: str | None
    confirmation_receipt: str | None
    """Name of the entry that records it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A signed answer whose signatures the caller has verified."""

    statement: bytes
    digest: str
    result: Result
    ground: str | None
    """Code, when something is kept."""
    receipt: str
    """Name of the entry that records it."""


def due_at(reason: Reason | None, at: datetime, *, usual: timedelta) -> datetime:
    """Return when an answer is due that is asked for at `at`."""
    return at + (UNLAWFUL_DUE if reason == "unlawful" else usual)


def ask(  # noqa: PLR0913 - the parts of one row
    conn: Connection,
    id: str,  # noqa: A002
    consent: str,
    recipient: str,
    *,
    reason: Reason,
    at: datetime,
    due: datetime,
    passed_on_by: str | None = None,
) -> None:
    """Ask one recipient to erase; the log and the notice are the caller's, in the same unit."""
    conn.execute(
        insert(erasures),
        {
            "id": id,
            "consent": consent,
            "recipient": recipient,
            "reason": reason,
            "asked_at": at,
            "due": due,
            "passed_on_by": passed_on_by,
        },
    )


def find(conn: Connection, id: str, recipient: str) -> Erasure | None:  # noqa: A002
    """Return an erasure request to the recipient it was made to, or None.

    The unit that answers it has locked the consent before: so whom others ask is settled too.
    """
    query = _all().where(erasures.c.id == id, erasures.c.recipient == recipient)
    row = conn.execute(query.with_for_update(of=erasures)).one_or_none()
    return None if row is None else _erasure(conn, row, recipient)


def listed(
    conn: Connection,
    caller: str,
    *,
    role: Role | None = None,
    only_open: bool = False,
    after: str | None,
    limit: int,
) -> tuple[Erasure, ...]:
    """Return erasures the caller must answer or may see, in the order of their ids.

    Besides the recipient that is the collecting agency, and whoever sent that recipient
    something under the consent or passed it on.

    Args:
        conn: may be a reader's.
        caller: whose list it is.
        role: `asked` is what the caller must answer, `asking` what others owe; None is both.
        only_open: without those that are answered.
        after: id of the last one of the page before.
        limit: most rows.
    """
    mine, others = erasures.c.recipient == caller, owed(caller)
    concerned = {None: or_(mine, others), "asked": mine, "asking": others}[role]
    query = (
        _all()
        .where(
            erasures.c.id > (after or ""),
            concerned,
            erasures.c.answered_at.is_(None) if only_open else true(),
        )
        .order_by(erasures.c.id)
        .limit(limit)
    )
    return tuple(_erasure(conn, row, caller) for row in conn.execute(query).all())


def concerning(conn: Connection, caller: str, ids: Collection[str]) -> frozenset[str]:
    """Return those of these erasures that the caller must answer or may see; see `listed`."""
    mine = or_(erasures.c.recipient == caller, owed(caller))
    query = select(erasures.c.id).join_from(erasures, consents)
    return frozenset(conn.execute(query.where(erasures.c.id.in_(sorted(ids)), mine)).scalars())


def confirm(conn: Connection, erasure: Erasure, answer: Confirmation, *, at: datetime) -> bool:
    """Store the signed answer; False when this very answer was stored before.

    Raises:
        Conflict: another answer was given before.
    """
    if erasure.confirmation_digest is not None:
        if erasure.confirmation_digest != answer.digest:
            raise Conflict("this erasure was answered before")
        return False
    conn.execute(
        update(erasures)
        .where(erasures.c.id == erasure.id, erasures.c.answered_at.is_(None))
        .values(
            answered_at=at,
            result=answer.result,
            ground=answer.ground,
            confirmation=answer.statement,
            confirmation_digest=answer.digest,
            confirmation_receipt=answer.receipt,
        )
    )
    return True


def unanswered(
    conn: Connection, *, asked_before: datetime, limit: int
) -> tuple[tuple[str, str, str], ...]:
    """Return (erasure, recipient, consent) of open requests of which nobody was reminded yet."""
    return _open_without(conn, erasures.c.reminded_at, asked_before=asked_before, limit=limit)


def remind(conn: Connection, id: str, *, at: datetime) -> bool:  # noqa: A002
    """Note that the recipient is reminded; False if it was before, or has answered."""
    change = update(erasures).where(_is_open(id), erasures.c.reminded_at.is_(None))
    return conn.execute(change.values(reminded_at=at)).rowcount == 1


def unescalated(
    conn: Connection, *, asked_before: datetime, limit: int
) -> tuple[tuple[str, str, str], ...]:
    """Return (erasure, recipient, consent) of open requests that nobody else was told of yet."""
    return _open_without(conn, erasures.c.escalated_at, asked_before=asked_before, limit=limit)


def _open_without(
    conn: Connection, mark: Column[Any], *, asked_before: datetime, limit: int
) -> tuple[tuple[str, str, str], ...]:
    query = (
        select(erasures.c.id, erasures.c.recipient, erasures.c.consent)
        .where(
            erasures.c.answered_at.is_(None),
            mark.is_(None),
            erasures.c.asked_at <= asked_before,
        )
        .limit(limit)
    )
    return tuple((row.id, row.recipient, row.consent) for row in conn.execute(query))


def escalate(conn: Connection, id: str, *, at: datetime) -> bool:  # noqa: A002
    """Note that every party is told; False if they were before, or it was answered."""
    change = update(erasures).where(_is_open(id), erasures.c.escalated_at.is_(None))
    return conn.execute(change.values(escalated_at=at)).rowcount == 1


def _is_open(id: str) -> ColumnElement[bool]:  # noqa: A002
    return and_(erasures.c.id == id, erasures.c.answered_at.is_(None))


def asked_under(conn: Connection, consent: str) -> frozenset[str]:
    """Return every recipient that was asked to erase what came under a consent."""
    query = select(erasures.c.recipient).where(erasures.c.consent == consent)
    return frozenset(conn.execute(query).scalars())


def parties(conn: Connection, consent: str) -> frozenset[str]:
    """Return the parties of the agreement that a consent lives under."""
    query = (
        select(agreement_parties.c.agency)
        .join(consents, consents.c.agreement == agreement_parties.c.agreement)
        .where(consents.c.digest == consent)
    )
    return frozenset(conn.execute(query).scalars())


def owed(caller: str) -> ColumnElement[bool]:
    """Return the condition under which others owe the caller an answer."""
    sent = exists().where(
        disclosures.c.consent == erasures.c.consent,
        disclosures.c.sender == caller,
        disclosure_recipients.c.disclosure == disclosures.c.id,
        disclosure_recipients.c.agency == erasures.c.recipient,
        disclosure_recipients.c.collected_at.is_not(None),
    )
    return or_(consents.c.collected_by == caller, erasures.c.passed_on_by == caller, sent)


def _all() -> Select[*tuple[object, ...]]:
    return select(
        erasures, consents.c.id.label("consent_id"), consents.c.chain.label("chain")
    ).join_from(erasures, consents)


def _erasure(conn: Connection, row: Row[*tuple[object, ...]], caller: str) -> Erasure:
    collector = row.passed_on_by or row.recipient
    query = (
        select(disclosures.c.digest, disclosures.c.id)
        .join_from(disclosures, disclosure_recipients)
        .where(
            disclosures.c.consent == row.consent,
            disclosure_recipients.c.agency == collector,
            disclosure_recipients.c.collected_at.is_not(None),
            # Others' disclosures are not shown to a sender or a collecting agency.
            or_(literal(caller).in_((row.recipient, collector)), disclosures.c.sender == caller),
        )
        .order_by(disclosures.c.digest)
    )
    collected = conn.execute(query).all()
    return Erasure(
        id=row.id,
        consent=row.consent,
        consent_id=row.consent_id,
        chain=row.chain,
        recipient=row.recipient,
        reason=row.reason,
        passed_on_by=row.passed_on_by,
        manifests=tuple(found.digest for found in collected),
        disclosures=tuple(found.id for found in collected),
        asked_at=row.asked_at,
        due=row.due,
        answered_at=row.answered_at,
        result=row.result,
        confirmation=row.confirmation,
        confirmation_digest=row.confirmation_digest,
        confirmation_receipt=row.confirmation_receipt,
    )
