"""What the findings on an officer's first page rest on, looked up for a page of entries at once.

Nothing here asks who may see it: that is decided of each entry and each disclosure afterwards.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, repeat
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, column, exists, or_, select, values

from exchange.database import Moment
from exchange.hub.storage.consents import may_read
from exchange.hub.storage.ending import WITHDRAWN
from exchange.hub.storage.tables import (
    Word,
    consent_findings,
    consents,
    disclosure_recipients,
    disclosures,
    erasures,
    requests,
)
from exchange.prepared import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A consent that was withdrawn, and when the hub recorded that."""

    consent: str
    """Digest."""
    recorded_at: datetime
    statement: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An erasure that was answered with a ground to keep something."""

    id: str
    recipient: str
    ground: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A consent that ends while somebody asks for documents under it."""

    request: str
    """Id of the document request."""
    asked: str
    """Whom it asks."""
    by: str
    """Who asks."""
    deadline: datetime
    consent: str
    """Id of the record."""
    valid_until: datetime


def ids(conn: Connection, chains: Collection[str]) -> dict[str, str]:
    """Return the ids of consents by their chains."""
    query = select(consents.c.chain, consents.c.id).where(consents.c.chain.in_(sorted(chains)))
    return {row.chain: row.id for row in conn.execute(query)}


def withdrawals(conn: Connection, chains: Collection[str]) -> dict[str, Withdrawal]:
    """Return the withdrawn ones of these consents, by their chains."""
    query = select(
        consents.c.chain, consents.c.digest, consents.c.ended_at, consents.c.withdrawal
    ).where(
        consents.c.chain.in_(sorted(chains)),
        consents.c.ended_why == WITHDRAWN,
        consents.c.withdrawal.is_not(None),
    )
    return {
        row.chain: Withdrawal(
            consent=row.digest, recorded_at=row.ended_at, statement=row.withdrawal
        )
        for row in conn.execute(query)
    }


def stored_between(
    conn: Connection, agency: str, spans: Collection[tuple[str, datetime, datetime]]
) -> dict[str, tuple[str, ...]]:
    """Return disclosures that exist for an agency and were stored in the span of their consent.

    Args:
        conn: may be a reader's.
        agency: who has sent them, or to whom they exist as a recipient.
        spans: digests of consents, each with two moments that both do not count.

    Returns:
        Ids, sorted, by the consent.
    """
    found: dict[str, tuple[str, ...]] = {}
    waiting = iter(sorted(spans))
    while some := list(islice(waiting, _SPANS)):
        nothing = ("", *some[0][1:])  # no consent has this digest
        given: dict[str, Any] = {"agency": agency}
        for number, span in enumerate([*some, *repeat(nothing, _SPANS - len(some))]):
            given |= dict(zip(_names(number), span, strict=True))
        for row in _STORED.all(conn, given):
            found[row.consent] = (*found.get(row.consent, ()), row.id)
    return found


_SPANS: Final = 32
"""Spans in one statement, always: one of another length would be compiled anew each time."""


def _names(number: int) -> tuple[str, str, str]:
    return f"consent_{number}", f"since_{number}", f"until_{number}"


def _stored() -> Prepared:
    types: tuple[Any, ...] = (Word, Moment, Moment)
    columns = [
        column(name, of) for name, of in zip(("consent", "since", "until"), types, strict=True)
    ]
    rows = [
        tuple(bindparam(name, type_=of) for name, of in zip(_names(number), types, strict=True))
        for number in range(_SPANS)
    ]
    asked = values(*columns, name="asked").data(rows).cte()
    mine = bindparam("agency", type_=Word)
    reached = exists().where(
        disclosure_recipients.c.disclosure == disclosures.c.id,
        disclosure_recipients.c.agency == mine,
        disclosure_recipients.c.number.is_not(None),
        or_(
            *(disclosures.c.state == one for one in ("stored", "collected", "acknowledged")),
            disclosure_recipients.c.collected_at.is_not(None),
        ),
    )
    within = and_(
        disclosures.c.consent == asked.c.consent,
        disclosures.c.stored_at > asked.c.since,
        disclosures.c.stored_at < asked.c.until,
    )
    query = select(asked.c.consent, disclosures.c.id).join_from(asked, disclosures, within)
    seen = query.where(or_(disclosures.c.sender == mine, reached))
    return Prepared(seen.order_by(disclosures.c.id))


_STORED: Final = _stored()


def warnings(conn: Connection, chains: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return which rules warned of these consents, by their chains; sorted."""
    query = (
        select(consents.c.chain, consent_findings.c.rule)
        .join_from(consents, consent_findings)
        .where(consents.c.chain.in_(sorted(chains)))
        .order_by(consent_findings.c.rule)
    )
    found: dict[str, tuple[str, ...]] = {}
    for row in conn.execute(query):
        found[row.chain] = (*found.get(row.chain, ()), row.rule)
    return found


def kept(conn: Connection, erased: Collection[str], ground: str) -> dict[str, Kept]:
    """Return those of these erasures of which something stays on a ground, by their ids."""
    query = select(erasures.c.id, erasures.c.recipient, erasures.c.ground).where(
        erasures.c.id.in_(sorted(erased)), erasures.c.ground == ground
    )
    return {
        row.id: Kept(id=row.id, recipient=row.recipient, ground=row.ground)
        for row in conn.execute(query)
    }


def ending(
    conn: Connection,
    agency: str,
    *,
    now: datetime,
    before: datetime,
    after: str | None,
    limit: int,
) -> tuple[Ending, ...]:
    """Return consents that end soon, once for each request of an agency or to it that is open.

    Of what it asks for itself it is not told whether that was answered: open is what its deadline
    has not reached. Only consents that exist for it, and that nobody has ended.

    Args:
        conn: may be a reader's.
        agency: who asks, or who is asked.
        now: hub time.
        before: until when such a consent ends.
        after: id of the last request of the page before.
        limit: most rows.
    """
    query = (
        open_endings(agency, now=now, before=before)
        .where(requests.c.id > (after or ""))
        .order_by(requests.c.id)
        .limit(limit)
    )
    return tuple(
        Ending(
            request=row.id,
            asked=row.asked,
            by=row.agency,
            deadline=row.deadline,
            consent=row.consent,
            valid_until=row.valid_until,
        )
        for row in conn.execute(query)
    )


def open_endings(agency: str, *, now: datetime, before: datetime) -> Select[*tuple[Any, ...]]:
    """Select what `ending` returns, all of it and in no order."""
    mine = or_(
        requests.c.agency == agency,
        and_(requests.c.asked == agency, requests.c.answered_at.is_(None)),
    )
    return (
        select(
            requests.c.id,
            requests.c.asked,
            requests.c.agency,
            requests.c.deadline,
            consents.c.id.label("consent"),
            consents.c.valid_until,
        )
        .join_from(requests, consents, consents.c.digest == requests.c.consent)
        .where(
            mine,
            requests.c.deadline > now,
            consents.c.ended_at.is_(None),
            consents.c.valid_until > now,
            consents.c.valid_until <= before,
            may_read(agency),
        )
    )
