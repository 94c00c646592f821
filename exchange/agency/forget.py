"""Forget what its time is over: drafts nobody signed, and consents with all that happened to them.

The retention classes (DIN 66398) that lie in a gateway's hands: D05 what proves a consent and its
use, kept until the end of the year in which the years of its agreement are over; D15 what is set
aside, 30 days; D17 drafts of electronic consents, 30 days. When a consent ended is told by what
lies here: no word of the hub makes this agency forget evidence before its time.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Connection, Table, delete, select

from exchange import canonical, jws
from exchange.agency import signed, tables
from exchange.agency.events import forget_events
from exchange.agency.home import Home
from exchange.agency.log_points import CONFIRMED, RECORDED, STORED, WITHDRAWN
from exchange.agency.parts import Gateway
from exchange.agency.prove import forget_receipts
from exchange.agency.state import Erasing
from exchange.agency.submissions import forget_submissions
from exchange.agreement.term import year_end
from exchange.consent.draft import read_draft
from exchange.days import day_of
from exchange.members import Members
from exchange.statement import LARGEST_RECORD

YEARS: Final = 3
"""Full years that evidence is kept where the hub no longer has the agreement, which may say less
or more."""
DRAFTS: Final = timedelta(days=30)
"""How long a draft waits for a signature here; at the hub it waits for 14 days."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Withdrawn:
    """A withdrawal that this agency took down."""

    name: str
    """Of the file."""
    at: datetime


@dataclass(frozen=True, slots=True)
class _Kept:
    """A consent whose evidence lies here."""

    digest: str
    id: str
    agreement: str
    ended_at: datetime
    """As far as it is known here."""


async def forget(gateway: Gateway) -> None:
    """Forget everything whose time is over; a second time in a day changes nothing.

    Raises:
        Unavailable: the hub cannot be reached for an agreement; the next time looks again.
    """
    now = gateway.clock()
    await gateway.state.write(forget_events, now)
    await gateway.state.write(forget_submissions, now)
    await asyncio.to_thread(_forget_drafts, gateway.home, now)
    withdrawn = await asyncio.to_thread(_withdrawals, gateway.home)
    statements = await asyncio.to_thread(_collected, gateway.home)
    statements |= await gateway.state.read(_stored)
    asked = await gateway.state.read(_asked)
    over = []
    for digest, statement in statements.items():
        consent = _kept(digest, statement, withdrawn.get(digest), asked.get(digest))
        if await _is_over(gateway, consent, now):
            over.append(consent)
    gone = {consent.digest for consent in over}
    gone |= {
        digest
        for digest, withdrawal in withdrawn.items()  # of a consent that others collected and used
        if digest not in statements and now >= _until(withdrawal.at, YEARS)
    }
    if gone:
        await _forget(gateway, over, {one: withdrawn[one] for one in gone if one in withdrawn})
        log.info("forgotten", count=len(gone))


async def _is_over(gateway: Gateway, consent: _Kept, now: datetime) -> bool:
    """Tell whether the years of its agreement are over; the hub is asked for none too young."""
    if now < _until(consent.ended_at, 1):
        return False
    known = await gateway.records.agreement(consent.agreement, now=now)
    years = YEARS if known is None else known.agreement.retention.years
    return now >= _until(consent.ended_at, years)


def _until(ended_at: datetime, years: int) -> datetime:
    """Return until when evidence is kept: full years, then to the end of that year."""
    return year_end(day_of(ended_at).year + years)


async def _forget(
    gateway: Gateway, over: Sequence[_Kept], withdrawals: Mapping[str, _Withdrawn]
) -> None:
    receipts = await gateway.state.read(_receipts, over)
    # The files first: of rows that are gone nobody could tell which files were theirs.
    await asyncio.to_thread(forget_receipts, gateway.home, receipts)
    await gateway.state.write(_forget_rows, over, withdrawals)
    for consent in over:
        gateway.records.forget_subject(consent.digest)
    await gateway.state.erase_from_wal()
    # A crash before or between these leaves files; each is found again by itself.
    names = [withdrawal.name for withdrawal in withdrawals.values()]
    await asyncio.to_thread(_forget_files, gateway.home, over, names)


def _withdrawals(home: Home) -> dict[str, _Withdrawn]:
    """Return the withdrawals taken down here, by digest of the consent."""
    found = {}
    for name, statement in signed.every(home, "withdrawal"):
        payload = _payload(statement)
        at = datetime.fromtimestamp(payload.seconds("iat"), UTC)
        found[payload.digest("consent")] = _Withdrawn(name, at)
    return found


def _collected(home: Home) -> dict[str, bytes]:
    """Return the consents that this agency has signed, by digest."""
    return {canonical.digest(data): data for _, data in signed.every(home, "consent")}


def _stored(conn: Connection) -> dict[str, bytes]:
    """Return the consents under which something was sent or received, by digest."""
    rows = conn.execute(select(tables.consents.c.digest, tables.consents.c.statement))
    return {row.digest: row.statement for row in rows}


def _asked(conn: Connection) -> dict[str, datetime]:
    """Return by consent until when it was to be erased here, where that is done.

    Who was asked to erase was asked because the consent had ended, days before that.
    """
    query = select(tables.erasures.c.consent, tables.erasures.c.due)
    rows = conn.execute(query.where(tables.erasures.c.state == Erasing.DONE.value))
    return {row.consent: row.due for row in rows}


def _kept(
    digest: str, statement: bytes, withdrawn: _Withdrawn | None, asked: datetime | None
) -> _Kept:
    payload = _payload(statement)
    ends = [payload.time("valid_until")]
    ends += [withdrawn.at] if withdrawn is not None else []
    ends += [asked] if asked is not None else []
    return _Kept(digest, payload.uuid("id"), payload.digest("agreement"), min(ends))


def _payload(statement: bytes) -> Members:
    """Return the members of a statement that was verified when it was stored."""
    encoded = canonical.unb64u(jws.read(statement).payload)
    return Members(canonical.loads(encoded, limit=LARGEST_RECORD))


def _receipts(conn: Connection, over: Iterable[_Kept]) -> list[tuple[str, str]]:
    """Return kind and id of everything under these consents of which a receipt may lie here."""
    sent, erasures = tables.sent.c, tables.erasures.c
    found = []
    for consent in over:
        found += [(RECORDED, consent.id), (WITHDRAWN, consent.id)]
        gave = conn.execute(select(sent.id).where(sent.consent == consent.digest)).scalars()
        found += [(STORED, disclosure) for disclosure in gave]
        asked = select(erasures.id).where(erasures.consent == consent.digest)
        found += [(CONFIRMED, erasure) for erasure in conn.execute(asked).scalars()]
    return found


def _forget_rows(conn: Connection, over: Iterable[_Kept], withdrawn: Iterable[str]) -> None:
    conn.execute(delete(tables.evidence).where(tables.evidence.c.digest.in_(withdrawn)))
    for consent in over:
        for table, rows in _rows_of(consent):
            conn.execute(delete(table).where(rows))


def _rows_of(consent: _Kept) -> list[tuple[Table, ColumnElement[bool]]]:
    """Return what belongs to a consent, table by table: what refers to a row before the row."""
    sent, received = tables.sent.c, tables.received.c
    gave = select(sent.id).where(sent.consent == consent.digest)
    came = select(received.id).where(received.consent == consent.digest)
    digests = select(received.digest).where(received.consent == consent.digest)
    erased = select(tables.erasures.c.id).where(tables.erasures.c.consent == consent.digest)
    awaited, evidence = tables.awaited.c, tables.evidence.c
    return [
        (
            tables.awaited,
            awaited.about.in_(gave)
            | awaited.about.in_(came)
            | awaited.about.in_(erased)
            | (awaited.about == consent.id),
        ),
        (tables.answers, tables.answers.c.id.in_(gave)),
        (tables.sent, sent.consent == consent.digest),
        (tables.delivered, tables.delivered.c.id.in_(came)),
        (tables.headers, tables.headers.c.digest.in_(digests)),
        (tables.evidence, evidence.digest.in_(digests) | (evidence.digest == consent.digest)),
        (tables.received, received.consent == consent.digest),
        (tables.erasures, tables.erasures.c.consent == consent.digest),
        (tables.majorities, tables.majorities.c.consent == consent.id),
        (tables.consents, tables.consents.c.digest == consent.digest),
    ]


def _forget_files(home: Home, over: Iterable[_Kept], withdrawals: Sequence[str]) -> None:
    for consent in over:
        signed.forget(home, f"consent-{consent.id}.jws", f"consent-{consent.id}.key")
    ended = [name.removeprefix("withdrawal-").removesuffix(".jws") for name in withdrawals]
    forget_receipts(home, [(WITHDRAWN, consent_id) for consent_id in ended])
    signed.forget(home, *withdrawals)


def _forget_drafts(home: Home, now: datetime) -> None:
    for name, encoded in signed.every(home, "draft"):
        if read_draft(encoded).collected_at < now - DRAFTS:  # when it was drafted: nobody signed
            signed.forget(home, name)
