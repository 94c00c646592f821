"""Erase consents and agreements whose time is over, with what the log could be opened by.

Three steps, each repeated until it is done: rows of this database in small units, then the key of
the chain in the vault, then the note that it is gone. A crash between any two of them leaves what
the next round finds. Leaf, tree and checkpoints stay as they are: receipts of others verify.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from exchange.hub.storage import headers, reading
from exchange.hub.storage.log_tables import (
    log_chain,
    log_entry,
    log_erased,
    log_erasing,
    log_event,
)
from exchange.hub.storage.officer_tables import counted, figures, log_reader_size, tallies
from exchange.hub.storage.tables import (
    agreement_notices,
    agreement_parties,
    agreement_signatures,
    agreements,
    consent_findings,
    consent_parties,
    consents,
    credentials,
    disclosure_recipients,
    disclosures,
    drafts,
    erasures,
    notices,
    requests,
    upload_pieces,
)

Progress: TypeAlias = Literal["gone", "more", "waits"]
"""After one unit: everything is gone, there is more, or something else has to happen before."""

_EVENTS = (
    select(log_event.c.rid, log_entry.c.idx)
    .join_from(log_event, log_entry, log_entry.c.rid == log_event.c.rid)
    .where(
        log_event.c.chain == bindparam("of"),
        log_entry.c.idx < select(log_reader_size.c.size).scalar_subquery(),
    )
    .limit(bindparam("most"))
)
"""Events of a chain that are in the tree, and whose rows for officers are there to be deleted."""
_CUT = (
    update(log_entry)
    .where(log_entry.c.idx.in_(bindparam("indexes", expanding=True)))
    .values(rid=None)
)
_OF_A_DISCLOSURE = (upload_pieces, disclosure_recipients)
_OF_A_CONSENT: tuple[tuple[Table, ColumnElement[str | None]], ...] = (
    (notices, notices.c.consent),
    (requests, requests.c.consent),
    (erasures, erasures.c.consent),
    (credentials, credentials.c.consent),
    (consent_parties, consent_parties.c.consent),
    (consent_findings, consent_findings.c.consent),
    (counted, counted.c.consent),
    (consents, consents.c.digest),
)
"""What refers to a row before the row."""
_OF_AN_AGREEMENT: tuple[tuple[Table, ColumnElement[str]], ...] = (
    (agreement_notices, agreement_notices.c.agreement),
    (agreement_signatures, agreement_signatures.c.agreement),
    (agreement_parties, agreement_parties.c.agreement),
    (tallies, tallies.c.agreement),
    (figures, figures.c.agreement),
    (agreements, agreements.c.digest),
)


def agreements_with(
    conn: Connection, after: str, *, before: datetime, limit: int
) -> tuple[str, ...]:
    """Return agreements that ended before a moment, or of which a consent did, by their digests.

    Args:
        conn: may be a reader's.
        after: digest behind which they begin.
        before: the moment.
        limit: most rows.
    """
    under = exists().where(consents.c.agreement == agreements.c.digest)
    query = select(agreements.c.digest).where(
        agreements.c.digest > after,
        or_(
            agreements.c.ended_at < before,
            under.where(consents.c.valid_until < before),
            under.where(consents.c.ended_at.is_not(None), consents.c.ended_at < before),
        ),
    )
    return tuple(conn.execute(query.order_by(agreements.c.digest).limit(limit)).scalars())


def consents_over(
    conn: Connection, agreement: str, *, before: datetime, limit: int
) -> tuple[str, ...]:
    """Return consents under an agreement that ended before a moment and are ready to be erased.

    Ready is what nothing waits for any more: see `_is_ready`.
    """
    by_day = select(consents.c.digest).where(consents.c.valid_until < before)
    by_end = select(consents.c.digest).where(
        consents.c.ended_at.is_not(None), consents.c.ended_at < before
    )
    # One after the other, each by an index of its own.
    found: dict[str, None] = {}
    for query in (by_day, by_end):
        rows = conn.execute(
            query.where(consents.c.agreement == agreement, _is_ready()).limit(limit)
        )
        found |= dict.fromkeys(rows.scalars())
    return tuple(found)[:limit]


def erase_consent(
    conn: Connection, digest: str, *, before: datetime | None, at: datetime, limit: int
) -> Progress:
    """Delete rows of a consent, at most some hundred in this unit, its own row last.

    Until that is gone the rest is still found through it: a crash after any unit is followed by
    the next one. The key of its chain goes when all of them are gone (`queued`).

    Args:
        conn: of the unit of work.
        digest: of the consent.
        before: it must have ended before this moment; None: an officer has upheld its erasure,
            then it must have ended.
        at: hub time.
        limit: most events, and most disclosures.

    Returns:
        `waits` while another unit has it, or while it is not over or not ready (`_is_ready`), or
        one of its events is not in the tree yet.
    """
    ended: ColumnElement[bool] = consents.c.ended_at.is_not(None)
    if before is not None:
        ended = or_(consents.c.valid_until < before, and_(ended, consents.c.ended_at < before))
    mine = select(consents.c.chain).where(consents.c.digest == digest)
    # Skipped if it is locked: whoever has it is at it just now. What is open under it is read in
    # a statement of its own, behind the lock.
    chain = conn.execute(mine.with_for_update(skip_locked=True)).scalar()
    if chain is None or conn.execute(mine.where(ended, _is_ready())).scalar() is None:
        return "waits"
    if (cut := _cut_events(conn, chain, at, limit)) != "gone":
        return cut
    if _delete_disclosures(conn, digest, limit) == limit:
        return "more"
    for table, of in _OF_A_CONSENT:
        conn.execute(delete(table).where(of == digest))
    conn.execute(delete(log_chain).where(log_chain.c.chain == chain))
    return "gone"


def erase_agreement(
    conn: Connection, digest: str, *, before: datetime, at: datetime, limit: int
) -> Progress:
    """Delete an agreement that ended before a moment, never before its last consent is gone.

    Args:
        conn: of the unit of work.
        digest: of the agreement.
        before: it must have ended before this moment.
        at: hub time.
        limit: most events.
    """
    mine = select(agreements.c.chain).where(agreements.c.digest == digest)
    unused = (
        agreements.c.ended_at < before,
        ~exists().where(consents.c.agreement == digest),
        ~exists().where(requests.c.agreement == digest),
        ~exists().where(drafts.c.agreement == digest),
    )
    chain = conn.execute(mine.with_for_update(skip_locked=True)).scalar()
    if chain is None or conn.execute(mine.where(*unused)).scalar() is None:
        return "waits"
    if (cut := _cut_events(conn, chain, at, limit)) != "gone":
        return cut
    for table, of in _OF_AN_AGREEMENT:
        conn.execute(delete(table).where(of == digest))
    conn.execute(delete(log_chain).where(log_chain.c.chain == chain))
    return "gone"


def queued(conn: Connection, *, limit: int) -> tuple[str, ...]:
    """Return chains whose rows are gone and whose keys the vault has to forget."""
    query = (
        select(log_erasing.c.chain)
        .where(
            log_erasing.c.erased_at.is_(None),
            ~exists().where(log_chain.c.chain == log_erasing.c.chain),
        )
        .limit(limit)
    )
    return tuple(conn.execute(query).scalars())


def mark_erased(conn: Connection, chains: Collection[str], *, at: datetime) -> None:
    """Note that the keys of these chains are in no file of the vault any more.

    What is left of each is that there was one: the name of a chain follows from its consent.
    """
    mine = log_erasing.c.chain.in_(sorted(chains)) & log_erasing.c.erased_at.is_(None)
    queued_at = conn.execute(delete(log_erasing).where(mine).returning(log_erasing.c.queued_at))
    gone = [
        {"chain": str(uuid4()), "queued_at": row.queued_at, "erased_at": at} for row in queued_at
    ]
    if gone:
        conn.execute(insert(log_erasing), gone)


def _is_ready() -> ColumnElement[bool]:
    """Nothing under the consent is open: no document, no payload, no answer about erasing.

    An erasure request is never closed by time: whoever was asked and has not answered would
    otherwise be forgotten with the consent.
    """
    unfinished = or_(
        disclosures.c.state.in_(("announced", "stored")),
        disclosures.c.blob.is_not(None),
        headers.present(disclosures.c.id),
        exists().where(upload_pieces.c.disclosure == disclosures.c.id),
    )
    return and_(
        ~exists().where(disclosures.c.consent == consents.c.digest, unfinished),
        ~exists().where(erasures.c.consent == consents.c.digest, erasures.c.answered_at.is_(None)),
    )


def _cut_events(conn: Connection, chain: str, at: datetime, limit: int) -> Progress:
    """Delete events of a chain, and the link from each entry of the tree to its event.

    An event that is not yet in the tree stays: its entry would point at nothing. So does one that
    was not followed: rows that name its entry would be made behind its erasure.
    """
    # Locked first: whoever records on this chain just now is waited for, and is then seen.
    conn.execute(select(log_chain.c.chain).where(log_chain.c.chain == chain).with_for_update())
    rows = conn.execute(_EVENTS, {"of": chain, "most": limit}).all()
    _queue(conn, chain, at)
    if rows:
        indexes = [row.idx for row in rows]
        conn.execute(insert(log_erased), [{"idx": idx} for idx in indexes])
        conn.execute(_CUT, {"indexes": indexes})
        reading.forget(conn, indexes)
        conn.execute(delete(log_event).where(log_event.c.rid.in_([row.rid for row in rows])))
    if conn.execute(select(exists().where(log_event.c.chain == chain))).scalar():
        return "more" if len(rows) == limit else "waits"
    return "gone"


def _queue(conn: Connection, chain: str, at: datetime) -> None:
    """Queue the key of a chain with the first of its events: no tombstone comes between them."""
    if conn.execute(select(exists().where(log_erasing.c.chain == chain))).scalar():
        return
    conn.execute(insert(log_erasing), {"chain": chain, "queued_at": at})


def _delete_disclosures(conn: Connection, consent: str, limit: int) -> int:
    query = select(disclosures.c.id).where(disclosures.c.consent == consent).limit(limit)
    ids = conn.execute(query).scalars().all()
    if ids:
        for table in _OF_A_DISCLOSURE:
            conn.execute(delete(table).where(table.c.disclosure.in_(ids)))
        conn.execute(delete(notices).where(notices.c.disclosure.in_(ids)))
        conn.execute(delete(disclosures).where(disclosures.c.id.in_(ids)))
    return len(ids)
