"""How consents and disclosures end: headers go, uses come back, recipients are asked to erase.

Each function is one unit of work, complete in itself. From its commit on no header of what it
ended can be released by anybody: the database orders every release and every end.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    or_,
    select,
    update,
)

from exchange.audit import event
from exchange.errors import Conflict, Unavailable
from exchange.hub.storage import closing, consents, erasures, headers, log, notices
from exchange.hub.storage.closing import CUT
from exchange.hub.storage.consents import ConsentStanding
from exchange.hub.storage.log import Chain
from exchange.hub.storage.tables import consents as consents_table
from exchange.hub.storage.tables import disclosure_recipients, disclosures

WITHDRAWN = "withdrawn"
AGREEMENT = "agreement"
RESTORED = "restored"
"""The database came from a backup, and what happened to it since is not known: so it is over."""
WORDLESS = (AGREEMENT, RESTORED)
"""Ends that nobody asked for: whoever withdraws afterwards is heard as if there were none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What ends a consent: a verified statement of an agency or the person, or a code."""

    statement: bytes
    """As received, or the hub's own record of a withdrawal by code."""
    digest: str
    by: str
    """Agency that handed it in, or `person`."""
    via: str
    """`office` or `page`."""
    why: str
    """`withdrawn`, or the collector's reason code."""
    erasure: erasures.Reason | None
    """What recipients that collected are asked for; None where they follow their own rules."""
    erasure_due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an end has done."""

    ended_at: datetime
    """Of the first one, when this is a repetition."""
    disclosures: tuple[str, ...]
    """Those it cut: their running streams and uploads are to be cut as well."""
    asked: tuple[str, ...]
    """Recipients that were asked to erase."""
    first: bool
    """False for a repetition, which changes nothing."""
    receipt: str | None
    """Name of the entry that records the first withdrawal; None where there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A disclosure whose time has come, and the chain its end is recorded on."""

    id: str
    chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recallable:
    """A disclosure its sender asks to take back."""

    id: str
    consent: str
    chain: str


_END = (
    update(consents_table)
    .where(
        consents_table.c.digest == bindparam("of"),
        or_(
            consents_table.c.ended_at.is_(None),
            and_(
                consents_table.c.ended_why.in_(WORDLESS),
                bindparam("because").not_in(WORDLESS),
            ),
        ),
    )
    .values(
        ended_at=bindparam("at"),
        ended_why=bindparam("because"),
        withdrawal=bindparam("signed"),
        withdrawal_receipt=bindparam("rid"),
    )
)
_ENDED = CUT.add_columns(disclosures.c.ended_why, disclosures.c.ended_receipt)
_OPEN = CUT.where(
    disclosures.c.consent == bindparam("of"),
    disclosures.c.state.in_(("announced", "stored", "collected")),
)
_COLLECTORS = (
    select(disclosure_recipients.c.agency)
    .join_from(disclosure_recipients, disclosures)
    .where(
        disclosures.c.consent == bindparam("of"),
        disclosure_recipients.c.collected_at.is_not(None),
    )
    .distinct()
    .order_by(disclosure_recipients.c.agency)
)


def withdraw(
    conn: Connection,
    consent: ConsentStanding,
    withdrawal: Withdrawal,
    chain: Chain,
    *,
    at: datetime,
) -> Ended:
    """End a consent: every header under it goes, collectors are asked to erase, all is logged.

    Never refused and never waiting for the vault: without a key the leaves are deferred. A
    repetition changes nothing and gets the moment of the first one.

    Args:
        conn: of the unit of work.
        consent: its standing, locked in this unit of work.
        withdrawal: verified by the caller.
        chain: the consent's, with or without its key.
        at: hub time, taken after the lock.
    """
    if consent.ended_at is not None and consent.ended_why not in WORDLESS:
        return _again(conn, consent, consent.ended_at)
    rid = log.name()
    _end(conn, consent, withdrawal.why, at, statement=withdrawal.statement, receipt=rid)
    ended = event.consent_withdrawn(
        at=at,
        by=withdrawal.by,
        consent=consent.digest,
        statement=withdrawal.digest,
        via=withdrawal.via,
    )
    log.record(conn, chain, ended, rid=rid)
    cut = _cut_under(conn, consent.digest, chain, why=WITHDRAWN, at=at)
    asked = _ask_to_erase(conn, consent.digest, withdrawal, chain, at)
    return Ended(ended_at=at, disclosures=cut, asked=asked, first=True, receipt=rid)


def end_wordless(
    conn: Connection, consent: ConsentStanding, chain: Chain, *, why: str, at: datetime
) -> Ended:
    """End a consent that nobody withdrew, so that nobody has to erase.

    Args:
        conn: of the unit of work.
        consent: its standing, locked in this unit of work.
        chain: the consent's, with or without its key.
        why: one of `WORDLESS`.
        at: hub time.
    """
    if consent.ended_at is not None:
        return _again(conn, consent, consent.ended_at)
    _end(conn, consent, why, at)
    cut = _cut_under(conn, consent.digest, chain, why=why, at=at)
    return Ended(ended_at=at, disclosures=cut, asked=(), first=True, receipt=None)


def ended_by(conn: Connection, consent: str, statement: bytes) -> bool:
    """Tell whether this very statement has ended a consent."""
    query = select(consents_table.c.digest).where(
        consents_table.c.digest == consent, consents_table.c.withdrawal == statement
    )
    return conn.execute(query).first() is not None


def _again(conn: Connection, consent: ConsentStanding, ended_at: datetime) -> Ended:
    """Return what a repetition is told: nothing has changed."""
    query = select(consents_table.c.withdrawal_receipt)
    receipt = conn.execute(query.where(consents_table.c.digest == consent.digest)).scalar()
    return Ended(ended_at=ended_at, disclosures=(), asked=(), first=False, receipt=receipt)


def due(
    conn: Connection,
    *,
    now: datetime,
    stored_before: datetime,
    announced_before: datetime,
    limit: int,
) -> tuple[Due, ...]:
    """Return disclosures whose time has come, for `expire`.

    Args:
        conn: may be a reader's: `expire` asks again.
        now: what has passed its own `exp`.
        stored_before: what nobody has collected since then.
        announced_before: uploads that were not completed since then.
        limit: most rows.
    """
    query = CUT.where(_overdue(now, stored_before, announced_before)).limit(limit)
    return tuple(Due(id=row.id, chain=row.chain) for row in conn.execute(query))


def lock(conn: Connection, found: Collection[Due]) -> None:
    """Lock the consents of these disclosures, so that nobody collects or ends them meanwhile.

    In the order of their digests: two units that each lock several must not wait for each other.
    """
    if found:
        under = select(disclosures.c.consent).where(disclosures.c.id.in_([one.id for one in found]))
        query = select(consents_table.c.digest).where(consents_table.c.digest.in_(under))
        conn.execute(query.order_by(consents_table.c.digest).with_for_update()).all()


def expire(
    conn: Connection,
    found: Collection[Due],
    keys: Mapping[str, Chain],
    *,
    now: datetime,
    stored_before: datetime,
    announced_before: datetime,
) -> tuple[str, ...]:
    """Expire those of `found` that are still due, and return which; the use comes back.

    Those whose consent somebody else has locked are left for the next round.

    What a recipient has collected stays `collected`; only its header goes. An upload that was
    never complete leaves no trace in the log.

    Args:
        conn: of the unit of work.
        found: from `due`.
        keys: chains by their UUID, as far as the vault answered.
        now: as for `due`, and so the others.
        stored_before: see `due`.
        announced_before: see `due`.
    """
    ids = [one.id for one in found]
    under = conn.execute(select(disclosures.c.consent).where(disclosures.c.id.in_(ids))).scalars()
    free = consents.take(conn, frozenset(under))
    query = CUT.where(
        disclosures.c.id.in_(ids),
        disclosures.c.consent.in_(sorted(free)),
        _overdue(now, stored_before, announced_before),
    )
    rows = conn.execute(query).all()
    return closing.expire(conn, rows, keys, why="expired", at=now)


def sealed_to(conn: Connection, fingerprints: Collection[str]) -> tuple[Due, ...]:
    """Return disclosures whose header is sealed to one of these keys, for `end_sealed_to`."""
    rows = conn.execute(CUT.where(_sealed_to(fingerprints)))
    return tuple(Due(id=row.id, chain=row.chain) for row in rows)


def end_sealed_to(
    conn: Connection, fingerprints: Collection[str], keys: Mapping[str, Chain], *, at: datetime
) -> tuple[str, ...]:
    """Delete every header sealed to a revoked key, in the unit that stores the revocation.

    Outside, these disclosures have expired; their uses come back and senders seal again.

    Args:
        conn: of the unit of work.
        fingerprints: of the revoked document keys.
        keys: chains by their UUID, as far as they were known before; others are deferred.
        at: hub time.
    """
    lock(conn, sealed_to(conn, fingerprints))
    rows = conn.execute(CUT.where(_sealed_to(fingerprints))).all()
    return closing.expire(conn, rows, keys, why="key-revoked", at=at)


def end_lost(
    conn: Connection, found: Collection[Due], keys: Mapping[str, Chain], *, at: datetime
) -> tuple[str, ...]:
    """End disclosures whose payload is gone for good, and tell their senders to send again.

    Outside they have expired: uses come back. What a recipient has collected stays `collected`
    and only its header goes. An upload in pieces begins anew.

    Args:
        conn: of the unit of work.
        found: those that were found without their payload.
        keys: chains by their UUID, as far as the vault answered.
        at: hub time.
    """
    lock(conn, found)
    query = CUT.where(
        disclosures.c.id.in_([one.id for one in found]),
        or_(disclosures.c.state == "announced", headers.present(disclosures.c.id)),
    )
    rows = conn.execute(query).all()
    ended = closing.expire(conn, rows, keys, why="payload-lost", at=at)
    for row in rows:
        notices.enqueue(conn, [row.sender], "resend", consent=row.consent, disclosure=row.id, at=at)
    return ended


def recallable(conn: Connection, id: str, sender: str) -> Recallable | None:  # noqa: A002
    """Return a disclosure to its sender, who wants to take it back, or None."""
    query = CUT.where(disclosures.c.id == id, disclosures.c.sender == sender)
    row = conn.execute(query).one_or_none()
    return None if row is None else Recallable(id=row.id, consent=row.consent, chain=row.chain)


def recall(conn: Connection, found: Recallable, chain: Chain, *, at: datetime) -> str | None:
    """Take back a disclosure that nobody has collected, or find that this was done before.

    Returns:
        Name of the entry that records it; None for an upload that was never complete.

    Args:
        conn: of the unit of work; the caller has locked the consent in it.
        found: from `recallable`.
        chain: the consent's, with its key.
        at: hub time.

    Raises:
        Conflict: it was collected, acknowledged or has expired.
    """
    row = conn.execute(_ENDED.where(disclosures.c.id == found.id)).one()
    receipt: str | None = row.ended_receipt
    if row.state == "ended" and row.ended_why == "recalled":
        return receipt
    if row.state not in {"announced", "stored"}:
        raise Conflict("it is too late to take this disclosure back")
    closed = closing.close(conn, [row], {row.chain: chain}, state="ended", why="recalled", at=at)
    notices.drop(conn, [row.id])
    return closed.get(row.id)


def _end(
    conn: Connection,
    consent: ConsentStanding,
    why: str,
    at: datetime,
    *,
    statement: bytes | None = None,
    receipt: str | None = None,
) -> None:
    row = {"of": consent.digest, "at": at, "because": why, "signed": statement, "rid": receipt}
    if conn.execute(_END, row).rowcount != 1:
        raise Unavailable("the consent changed after it was locked")


def _cut_under(
    conn: Connection, consent: str, chain: Chain, *, why: str, at: datetime
) -> tuple[str, ...]:
    rows = conn.execute(_OPEN, {"of": consent}).all()
    closing.close(conn, rows, {chain.uuid: chain}, state="ended", why=why, at=at)
    notices.drop_under(conn, consent)
    return tuple(row.id for row in rows)


def _ask_to_erase(
    conn: Connection, consent: str, withdrawal: Withdrawal, chain: Chain, at: datetime
) -> tuple[str, ...]:
    if withdrawal.erasure is None:
        return ()
    recipients = tuple(conn.execute(_COLLECTORS, {"of": consent}).scalars())
    for recipient in recipients:
        erasure = str(uuid4())
        erasures.ask(
            conn,
            erasure,
            consent,
            recipient,
            reason=withdrawal.erasure,
            at=at,
            due=withdrawal.erasure_due,
        )
        asked = event.erasure_asked(at=at, consent=consent, erasure=erasure, to=recipient)
        log.record(conn, chain, asked)
    notices.enqueue(conn, recipients, "erasure", consent=consent, disclosure=None, at=at)
    return recipients


def _overdue(
    now: datetime, stored_before: datetime, announced_before: datetime
) -> ColumnElement[bool]:
    return or_(
        and_(disclosures.c.state.in_(("announced", "stored")), disclosures.c.exp <= now),
        and_(
            disclosures.c.state == "collected",
            disclosures.c.exp <= now,
            headers.present(disclosures.c.id),
        ),
        and_(disclosures.c.state == "stored", disclosures.c.stored_at <= stored_before),
        and_(disclosures.c.state == "announced", disclosures.c.announced_at <= announced_before),
    )


def _sealed_to(fingerprints: Collection[str]) -> ColumnElement[bool]:
    return and_(
        disclosures.c.state.in_(("announced", "stored", "collected")),
        exists().where(
            disclosure_recipients.c.disclosure == disclosures.c.id,
            disclosure_recipients.c.fingerprint.in_(sorted(fingerprints)),
        ),
    )
