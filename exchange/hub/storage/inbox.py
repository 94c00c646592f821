"""What one agency may see of disclosures: its inbox, the state of one, a payload.

In the inbox there are also the requests that partners make.

Every question is one statement by id and caller: what is absent and what is hidden take the same
path. Nothing here reads a header.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile
from operator import itemgetter

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
)

from exchange.hub.storage import headers
from exchange.hub.storage import requests as asking
from exchange.hub.storage.disclosures import Result, State
from exchange.hub.storage.log_tables import (
    log_checkpoint,
    log_entry,
)
from exchange.hub.storage.requests import Request
from exchange.hub.storage.tables import (
    consents,
    disclosure_recipients,
    disclosures,
    requests,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientSeen:
    """Where a disclosure stands with one recipient."""

    agency: str
    collected_at: datetime | None
    result: Result | None
    acknowledgement: bytes | None
    collected_receipt: str | None
    """Name of the entry that records the collection."""
    acknowledged_receipt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureSeen:
    """A disclosure as its sender or one of its recipients sees it; why it ended is not in it."""

    id: str
    digest: str
    """Of the manifest."""
    manifest: bytes
    consent: str
    consent_id: str
    consent_receipt: str | None
    """Name of the entry that records the consent."""
    receipt: str | None
    """Name of the entry that records that it was stored."""
    ended_receipt: str | None
    state: State
    sealed_size: int
    stored_at: datetime | None
    payload_size: int | None
    payload_sha256: str | None
    recipients: tuple[RecipientSeen, ...]
    """All for the sender; for a recipient itself alone."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """What waits for a recipient, as far as it can be proven to it."""

    entries: tuple[DisclosureSeen | Request, ...]
    unsigned: bool
    """Whether more is there that no signed head of the log covers yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Where a payload lies that the caller may fetch now, as far as rows can tell."""

    blob: str
    size: int
    sha256: str
    digest: str
    """Of the manifest."""


_COLUMNS = (
    disclosures.c.id,
    disclosures.c.digest,
    disclosures.c.manifest,
    disclosures.c.sender,
    disclosures.c.consent,
    disclosures.c.state,
    disclosures.c.sealed_size,
    disclosures.c.stored_at,
    disclosures.c.payload_size,
    disclosures.c.payload_sha256,
    disclosures.c.receipt,
    disclosures.c.ended_receipt,
    consents.c.id.label("consent_id"),
    consents.c.receipt.label("consent_receipt"),
)
_MINE = and_(
    disclosure_recipients.c.disclosure == disclosures.c.id,
    disclosure_recipients.c.agency == bindparam("caller"),
    disclosure_recipients.c.number.is_not(None),
)


def _seen_by_caller() -> Select[*tuple[object, ...]]:
    reached = exists().where(
        _MINE,
        # What ended before this recipient collected it does not exist for it any more.
        or_(
            disclosures.c.state.in_(("stored", "collected", "acknowledged")),
            disclosure_recipients.c.collected_at.is_not(None),
        ),
    )
    return (
        select(*_COLUMNS)
        .join_from(disclosures, consents)
        .where(
            disclosures.c.id == bindparam("of"),
            or_(disclosures.c.sender == bindparam("caller"), reached),
        )
    )


_PLACE = (
    select(disclosure_recipients.c.number)
    .where(
        disclosure_recipients.c.disclosure == bindparam("after"),
        disclosure_recipients.c.agency == bindparam("caller"),
    )
    .union_all(
        select(requests.c.number).where(
            requests.c.id == bindparam("after"), requests.c.asked == bindparam("caller")
        )
    )
)
"""Where in the inbox of the caller a cursor stands: the id of a disclosure or of a request."""
_SEEN = _seen_by_caller()
_SIGNED_SIZE = select(func.max(log_checkpoint.c.size)).scalar_subquery()
# Of what a hub of the release before has stored meanwhile the receipt is not known here: its
# recipient sees it and says that it has none.
_SIGNED = or_(
    disclosures.c.receipt.is_(None), func.coalesce(log_entry.c.idx < _SIGNED_SIZE, false())
)
_INBOX = (
    select(
        *_COLUMNS,
        disclosure_recipients.c.agency,
        disclosure_recipients.c.number,
        _SIGNED.label("signed"),
        disclosure_recipients.c.collected_at,
        disclosure_recipients.c.result,
        disclosure_recipients.c.acknowledgement,
        disclosure_recipients.c.collected_receipt,
        disclosure_recipients.c.acknowledged_receipt,
    )
    .join_from(disclosure_recipients, disclosures)
    .join(consents, consents.c.digest == disclosures.c.consent)
    .outerjoin(log_entry, log_entry.c.rid == disclosures.c.receipt)
    .where(
        disclosure_recipients.c.agency == bindparam("caller"),
        disclosure_recipients.c.number > bindparam("behind"),
        # Nearly nothing of a long history waits: the index holds no more than that.
        disclosure_recipients.c.waiting,
        disclosures.c.exp > bindparam("now"),
        headers.present(disclosures.c.id),
    )
    .order_by(disclosure_recipients.c.number)
    .limit(bindparam("most"))
)
_RECIPIENTS = (
    select(disclosure_recipients)
    .join_from(disclosure_recipients, disclosures)
    .where(
        disclosure_recipients.c.disclosure == bindparam("of"),
        or_(
            disclosures.c.sender == bindparam("caller"),
            disclosure_recipients.c.agency == bindparam("caller"),
        ),
    )
    .order_by(disclosure_recipients.c.agency)
)
_PAYLOAD = (
    select(
        disclosures.c.blob,
        disclosures.c.payload_size,
        disclosures.c.payload_sha256,
        disclosures.c.digest,
    )
    .join_from(disclosures, disclosure_recipients)
    .where(
        disclosures.c.id == bindparam("of"),
        _MINE,
        disclosures.c.blob.is_not(None),
        headers.present(disclosures.c.id),
    )
)


def seen(conn: Connection, id: str, caller: str) -> DisclosureSeen | None:  # noqa: A002
    """Return a disclosure as `caller` may see it; absent and hidden are both None."""
    row = conn.execute(_SEEN, {"of": id, "caller": caller}).one_or_none()
    if row is None:
        return None
    recipients = conn.execute(_RECIPIENTS, {"of": id, "caller": caller})
    return _seen(row, tuple(_recipient(recipient) for recipient in recipients))


def waiting(
    conn: Connection, caller: str, *, after: str | None, limit: int, now: datetime
) -> Inbox:
    """Return what waits for `caller`, in the order it came: documents, and requests for some.

    It ends before the first document that no signed head of the log covers yet: nobody is shown
    one without its receipt, and a cursor never stands behind one that was not shown.

    Args:
        conn: may be a reader's.
        caller: the recipient.
        after: id of what to continue behind, from an earlier answer; unknown ones count as the
            beginning. It names no number: gaps between numbers would tell of documents that
            ended before the recipient looked.
        limit: most entries.
        now: what has expired is left out.
    """
    behind = conn.execute(_PLACE, {"caller": caller, "after": after}).scalar() or 0
    asked = {"caller": caller, "behind": behind, "most": limit, "now": now}
    rows = conn.execute(_INBOX, asked).all()
    unsigned = [row.number for row in rows if not row.signed]
    found: list[tuple[int, DisclosureSeen | Request]] = [
        (row.number, _seen(row, (_recipient(row),))) for row in rows
    ]
    wanted = asking.waiting(conn, caller, after=behind, limit=limit, now=now)
    found += [(request.number, request) for request in wanted]
    found.sort(key=itemgetter(0))
    shown = takewhile(lambda one: not unsigned or one[0] < unsigned[0], found)
    return Inbox(tuple(one for _, one in islice(shown, limit)), bool(unsigned))


def payload(conn: Connection, id: str, caller: str) -> Payload | None:  # noqa: A002
    """Return where the payload lies while its header is still there, for a recipient.

    The consent is decided on separately, on every request.
    """
    row = conn.execute(_PAYLOAD, {"of": id, "caller": caller}).one_or_none()
    if row is None:
        return None
    return Payload(
        blob=row.blob, size=row.payload_size, sha256=row.payload_sha256, digest=row.digest
    )


def _seen(row: Row[*tuple[object, ...]], recipients: tuple[RecipientSeen, ...]) -> DisclosureSeen:
    return DisclosureSeen(
        id=row.id,
        digest=row.digest,
        manifest=row.manifest,
        consent=row.consent,
        consent_id=row.consent_id,
        consent_receipt=row.consent_receipt,
        receipt=row.receipt,
        ended_receipt=row.ended_receipt,
        state=row.state,
        sealed_size=row.sealed_size,
        stored_at=row.stored_at,
        payload_size=row.payload_size,
        payload_sha256=row.payload_sha256,
        recipients=recipients,
    )


def _recipient(row: Row[*tuple[object, ...]]) -> RecipientSeen:
    return RecipientSeen(
        agency=row.agency,
        collected_at=row.collected_at,
        result=row.result,
        acknowledgement=row.acknowledgement,
        collected_receipt=row.collected_receipt,
        acknowledged_receipt=row.acknowledged_receipt,
    )
