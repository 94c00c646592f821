"""Consent records, who may see them, and their uses. Records never change; their standing does."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
    update,
)

from exchange.consent.decision import Permit
from exchange.errors import Conflict, Unavailable
from exchange.hub.storage import log
from exchange.hub.storage.tables import (
    RECURRING,
    consent_parties,
    consents,
    disclosure_recipients,
    disclosures,
    erasures,
)
from exchange.prepared import Prepared
from exchange.vocabulary import Uses

Role = Literal["collector", "releaser", "recipient"]
CANDIDATES = 200
"""Consents looked at together for a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsent:
    """A consent record as it is stored; signatures and rules verified by the caller."""

    digest: str
    id: str
    agreement: str
    """Digest of the agreement it lives under."""
    collected_by: str
    statement: bytes
    """As received."""
    chain: str
    """UUID of its chain in the log; the vault has the key already."""
    uses: Uses
    valid_from: datetime
    valid_until: datetime
    releasers: frozenset[str]
    recipients: frozenset[str]
    receipt: str
    """Name of the entry that records it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentStanding:
    """What happened to a consent; true as long as the unit of work that locked it runs."""

    digest: str
    id: str
    chain: str
    agreement: str
    collected_by: str
    used: int
    """Uses counted for all its disclosures."""
    valid_until: datetime
    ended_at: datetime | None
    ended_why: str | None
    reissued_receipt: str | None
    """Name of the entry that records the last change of the person's code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What never changes of a consent: may be kept in memory once it was parsed."""

    statement: bytes
    chain: str
    agreement: str
    recorded_at: datetime
    receipt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSeen:
    """A consent as one agency may see it."""

    digest: str
    id: str
    agreement: str
    statement: bytes
    role: Role
    """The caller's strongest role in it."""
    valid_from: datetime
    valid_until: datetime
    used: int
    recorded_at: datetime
    ended_at: datetime | None
    ended_why: str | None
    """Why it ended; None also for a caller who may not know."""
    withdrawal: bytes | None
    """The withdrawal; None also for a caller who may not know."""
    receipt: str | None
    """Name of the entry that records it."""
    withdrawal_receipt: str | None
    """The same of its withdrawal; None also for a caller who may not know."""


_STANDING = (
    consents.c.digest,
    consents.c.id,
    consents.c.chain,
    consents.c.agreement,
    consents.c.collected_by,
    consents.c.used,
    consents.c.valid_until,
    consents.c.ended_at,
    consents.c.ended_why,
    consents.c.reissued_receipt,
)
"""Columns of a `ConsentStanding`: none of the kilobytes that were signed."""
_FIND = Prepared(select(*_STANDING).where(consents.c.digest == bindparam("of")).with_for_update())
_FILED = Prepared(
    select(
        consents.c.statement,
        consents.c.chain,
        consents.c.agreement,
        consents.c.recorded_at,
        consents.c.receipt,
    ).where(consents.c.digest == bindparam("of"))
)
_CHAIN = Prepared(select(consents.c.chain).where(consents.c.digest == bindparam("of")))
_COUNT = Prepared(
    update(consents)
    .where(
        consents.c.digest == bindparam("of"),
        consents.c.ended_at.is_(None),
        or_(consents.c.uses == RECURRING, consents.c.used < consents.c.uses),
    )
    .values(used=consents.c.used + 1)
)
_GIVE_BACK = (
    update(consents)
    .where(consents.c.digest == bindparam("of"))
    .values(used=consents.c.used - bindparam("count"))
)


_NAMING = (
    select(consent_parties.c.consent.label("digest"))
    .where(
        consent_parties.c.agency == bindparam("caller"),
        consent_parties.c.consent > bindparam("behind"),
    )
    .union(
        select(consents.c.digest).where(
            consents.c.collected_by == bindparam("caller"),
            consents.c.digest > bindparam("behind"),
        )
    )
    .order_by("digest")
    .limit(bindparam("most"))
)
"""The next consents that name an agency, whether or not it may see them."""


def known(conn: Connection, id: str, digest: str) -> bool:  # noqa: A002 - the record's own word
    """Tell whether this record is stored already: a repetition.

    Raises:
        Conflict: the id was used for another record.
    """
    found = conn.execute(select(consents.c.digest).where(consents.c.id == id)).scalar()
    if found is not None and found != digest:
        raise Conflict
    return found is not None


def add(conn: Connection, new: NewConsent, *, at: datetime) -> None:
    """Store a consent record and begin its chain in the log."""
    conn.execute(
        insert(consents),
        {
            "digest": new.digest,
            "id": new.id,
            "agreement": new.agreement,
            "collected_by": new.collected_by,
            "statement": new.statement,
            "chain": new.chain,
            "uses": RECURRING if new.uses == "recurring" else new.uses,
            "valid_from": new.valid_from,
            "valid_until": new.valid_until,
            "recorded_at": at,
            "receipt": new.receipt,
        },
    )
    roles = [(agency, "releaser") for agency in sorted(new.releasers)]
    roles += [(agency, "recipient") for agency in sorted(new.recipients)]
    conn.execute(
        insert(consent_parties),
        [{"consent": new.digest, "agency": agency, "role": role} for agency, role in roles],
    )
    log.open_chain(conn, new.chain, "consent")


def find(conn: Connection, digest: str) -> ConsentStanding | None:
    """Return the standing of a consent, or None; its row stays locked until the unit ends.

    A statement of its own, without a join: after a wait, joined rows are stale. FOR UPDATE, not
    FOR SHARE: two senders that share the lock and then count a use would deadlock. SQLite has
    one writer and leaves the clause out.
    """
    row = _FIND.one(conn, {"of": digest})
    return None if row is None else _standing(row)


def take(conn: Connection, digests: Collection[str]) -> frozenset[str]:
    """Lock those of these consents that nobody else has locked just now, and return them.

    So sweepers share their work: what another one has is left to it, and nobody waits.
    """
    query = (
        select(consents.c.digest)
        .where(consents.c.digest.in_(sorted(digests)))
        .order_by(consents.c.digest)
        .with_for_update(skip_locked=True)
    )
    return frozenset(conn.execute(query).scalars()) if digests else frozenset()


def filed(conn: Connection, digest: str) -> Filed | None:
    """Return what never changes of a consent, or None."""
    row = _FILED.one(conn, {"of": digest})
    if row is None:
        return None
    return Filed(
        statement=row.statement,
        chain=row.chain,
        agreement=row.agreement,
        recorded_at=row.recorded_at,
        receipt=row.receipt,
    )


def chain(conn: Connection, digest: str) -> str | None:
    """Return the chain of a consent in the log, or None where there is no such consent."""
    row = _CHAIN.one(conn, {"of": digest})
    found: str | None = None if row is None else row.chain
    return found


def on_chain(conn: Connection, chain: str) -> str | None:
    """Return the digest of the consent whose chain this is, or None: it is of something else."""
    query = select(consents.c.digest).where(consents.c.chain == chain)
    found: str | None = conn.execute(query).scalar_one_or_none()
    return found


def endable(
    conn: Connection,
    id: str,  # noqa: A002
    caller: str,
    statement: bytes,
) -> ConsentStanding | None:
    """Return the standing of a consent to an agency that may record its withdrawal, or None.

    That is whoever may read the record, and whoever brings the very statement that ended it: a
    recipient whose documents went with the consent repeats its withdrawal after a lost answer.
    To every other party of the agreement the record does not exist, and its end would tell that
    it did. Locks the row.

    Args:
        conn: of the unit of work.
        id: of the record.
        caller: who hands the withdrawal in.
        statement: the withdrawal, as received.
    """
    # The lock is a statement of its own: after a wait, what stands in other tables is stale.
    conn.execute(select(consents.c.digest).where(consents.c.id == id).with_for_update()).all()
    query = select(*_STANDING).where(
        consents.c.id == id,
        or_(may_read(caller), consents.c.withdrawal == statement),
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _standing(row)


def collected(conn: Connection, id: str, caller: str) -> ConsentStanding | None:  # noqa: A002
    """Return the standing of a consent to the agency that collected it, or None."""
    query = select(*_STANDING).where(consents.c.id == id, consents.c.collected_by == caller)
    row = conn.execute(query).one_or_none()
    return None if row is None else _standing(row)


def note_reissue(conn: Connection, digest: str, receipt: str) -> None:
    """Name the entry that records the last change of the person's code."""
    conn.execute(
        update(consents).where(consents.c.digest == digest).values(reissued_receipt=receipt)
    )


def consume_use(conn: Connection, granted: Permit) -> None:
    """Count one use of the consent behind `granted`, in the unit of work that decided it.

    The condition repeats what `decide` has just checked, so that a forgotten lock shows as an
    error and never as one disclosure too many.

    Raises:
        Unavailable: the consent changed between decision and commit.
    """
    if _COUNT.changed(conn, {"of": granted.asked.consent}) != 1:
        raise Unavailable("the consent changed between decision and commit")


def give_back(conn: Connection, digest: str, count: int) -> None:
    """Give back uses of disclosures that nobody can have read; the caller marks each of them."""
    if count:
        conn.execute(_GIVE_BACK, {"of": digest, "count": count})


def seen(conn: Connection, id: str, caller: str) -> ConsentSeen | None:  # noqa: A002
    """Return a consent as `caller` may see it; absent and hidden are both None."""
    row = conn.execute(_visible(caller).where(consents.c.id == id)).one_or_none()
    return None if row is None else _seen(row)


def seen_by_digest(conn: Connection, digest: str, caller: str) -> ConsentSeen | None:
    """Return a consent by its digest as `caller` may see it; absent and hidden are both None."""
    row = conn.execute(_visible(caller).where(consents.c.digest == digest)).one_or_none()
    return None if row is None else _seen(row)


def listed(
    conn: Connection, caller: str, *, after: str | None, limit: int
) -> tuple[ConsentSeen, ...]:
    """Return the consents `caller` may see in the order of their digests, from behind `after`.

    Digests are random: a page's end tells nothing about consents the caller may not see.
    """
    found: list[ConsentSeen] = []
    while len(found) < limit:
        # Its own by their indexes, then what it may see of them: in one statement with a limit,
        # the database would walk through everybody's.
        asked = {"caller": caller, "behind": after or "", "most": CANDIDATES}
        named = conn.execute(_NAMING, asked).scalars().all()
        # Named once more inside: a list of them would show in the statement how many there are.
        query = _visible(caller).where(consents.c.digest.in_(_NAMING.scalar_subquery()))
        rows = conn.execute(query.order_by(consents.c.digest), asked)
        found += map(_seen, rows)
        if len(named) < CANDIDATES:
            break
        after = named[-1]
    return tuple(found[:limit])


def unended_under(conn: Connection, agreement: str, *, limit: int) -> tuple[ConsentStanding, ...]:
    """Return consents under an agreement that have not ended, for the sweeper's next batch."""
    query = (
        select(*_STANDING)
        .where(consents.c.agreement == agreement, consents.c.ended_at.is_(None))
        .limit(limit)
    )
    return tuple(_standing(row) for row in conn.execute(query))


def _visible(caller: str) -> Select[*tuple[object, ...]]:
    """Select a consent with the caller's roles: one condition, never one branch per role."""
    return select(
        consents,
        (consents.c.collected_by == caller).label("is_collector"),
        _party(caller, "releaser").label("is_releaser"),
        must_erase(caller).label("must_erase"),
    ).where(may_read(caller))


def must_erase(caller: str) -> ColumnElement[bool]:
    """Return the condition under which an agency was asked to erase what came under a consent."""
    return exists().where(erasures.c.consent == consents.c.digest, erasures.c.recipient == caller)


def may_read(caller: str) -> ColumnElement[bool]:
    """Return the condition under which a consent exists for an agency."""
    # To a recipient nothing exists before something is stored for it, and nothing is left if
    # that ended before it collected.
    # One inside the other: joined, SQLite would begin with everything the caller ever received.
    reached = exists().where(
        disclosures.c.consent == consents.c.digest,
        exists().where(
            disclosure_recipients.c.disclosure == disclosures.c.id,
            disclosure_recipients.c.agency == caller,
            or_(
                disclosure_recipients.c.collected_at.is_not(None),
                disclosures.c.state.in_(("stored", "collected", "acknowledged")),
            ),
        ),
    )
    return or_(
        consents.c.collected_by == caller,
        _party(caller, "releaser"),
        and_(_party(caller, "recipient"), reached),
    )


def _party(caller: str, role: str) -> ColumnElement[bool]:
    return exists().where(
        consent_parties.c.consent == consents.c.digest,
        consent_parties.c.agency == caller,
        consent_parties.c.role == role,
    )


def _standing(row: Row[*tuple[object, ...]]) -> ConsentStanding:
    return ConsentStanding(
        digest=row.digest,
        id=row.id,
        chain=row.chain,
        agreement=row.agreement,
        collected_by=row.collected_by,
        used=row.used,
        valid_until=row.valid_until,
        ended_at=row.ended_at,
        ended_why=row.ended_why,
        reissued_receipt=row.reissued_receipt,
    )


def _seen(row: Row[*tuple[object, ...]]) -> ConsentSeen:
    role: Role = "collector" if row.is_collector else "releaser" if row.is_releaser else "recipient"
    may_know = row.is_collector or row.must_erase
    return ConsentSeen(
        digest=row.digest,
        id=row.id,
        agreement=row.agreement,
        statement=row.statement,
        role=role,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        used=row.used,
        recorded_at=row.recorded_at,
        ended_at=row.ended_at,
        ended_why=row.ended_why if may_know else None,
        withdrawal=row.withdrawal if may_know else None,
        receipt=row.receipt,
        withdrawal_receipt=row.withdrawal_receipt if may_know else None,
    )
