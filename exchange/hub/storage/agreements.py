"""Agreements, who has signed them, and notices of termination."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    insert,
    literal,
    null,
    select,
    union_all,
    update,
)

from exchange.agreement.signing import AgreementNotice
from exchange.errors import Conflict
from exchange.hub.storage import log
from exchange.hub.storage.tables import (
    agreement_notices,
    agreement_parties,
    agreement_signatures,
    agreements,
    consents,
)
from exchange.prepared import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgreement:
    """A proposed agreement; its statement is also the signature of the party that drafted it."""

    digest: str
    id: str
    statement: bytes
    """As received; signatures verified by the caller."""
    drafted_by: str
    parties: frozenset[str]
    chain: str
    """UUID of its chain in the log."""
    receipt: str
    """Name of the entry that records the drafter's signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An agreement that was recorded."""

    digest: str
    id: str
    statement: bytes
    chain: str
    recorded_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unended:
    """An agreement that is not flagged as ended, without its statement."""

    digest: str
    id: str
    chain: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A party's signature as it is stored; verified by the caller."""

    digest: str
    statement: bytes
    """As received."""
    receipt: str
    """Name of the entry that records it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One party's signature."""

    agency: str
    statement: bytes
    signed_at: datetime
    """When the hub recorded it."""
    receipt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedNotice:
    """One party's notice of termination."""

    agency: str
    statement: bytes
    ends: datetime
    receipt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementStanding:
    """What happened to an agreement since it was drafted; read under the caller's lock."""

    signed: Mapping[str, datetime]
    """When each party's signature was recorded."""
    notices: tuple[AgreementNotice, ...]
    ended_at: datetime | None


_LOCK = Prepared(
    select(agreements.c.ended_at)
    .where(agreements.c.digest == bindparam("of"))
    .with_for_update(read=True)
)
_NO_TEXT = null()
_SIGNED = select(
    literal(1).label("signed"),
    agreement_signatures.c.agency,
    agreement_signatures.c.signed_at.label("moment"),
    agreement_signatures.c.digest,
    _NO_TEXT.label("id"),
    literal(0).label("iat"),
).where(agreement_signatures.c.agreement == bindparam("of"))
_NOTICED = select(
    literal(0),
    agreement_notices.c.agency,
    agreement_notices.c.ends,
    agreement_notices.c.digest,
    agreement_notices.c.id,
    agreement_notices.c.iat,
).where(agreement_notices.c.agreement == bindparam("of"))
_STANDING = Prepared(union_all(_SIGNED, _NOTICED))


def known(conn: Connection, id: str, digest: str) -> bool:  # noqa: A002 - the record's own word
    """Tell whether this agreement is recorded already: a repetition.

    Raises:
        Conflict: the id was used for another agreement.
    """
    found = conn.execute(select(agreements.c.digest).where(agreements.c.id == id)).scalar()
    if found is not None and found != digest:
        raise Conflict
    return found is not None


def add(conn: Connection, new: NewAgreement, *, at: datetime) -> None:
    """Record a proposed agreement, its drafter's signature, and begin its chain in the log."""
    conn.execute(
        insert(agreements),
        {
            "digest": new.digest,
            "id": new.id,
            "statement": new.statement,
            "chain": new.chain,
            "recorded_at": at,
        },
    )
    conn.execute(
        insert(agreement_parties),
        [{"agreement": new.digest, "agency": agency} for agency in sorted(new.parties)],
    )
    log.open_chain(conn, new.chain, "agreement")
    drafted = Signed(new.digest, new.statement, new.receipt)
    sign(conn, new.digest, new.drafted_by, drafted, at=at)


def sign(conn: Connection, agreement: str, agency: str, signed: Signed, *, at: datetime) -> bool:
    """Record one party's signature; False when this very statement was recorded before.

    Raises:
        Conflict: the party has signed with another statement.
    """
    before = select(agreement_signatures.c.digest).where(
        agreement_signatures.c.agreement == agreement, agreement_signatures.c.agency == agency
    )
    found = conn.execute(before).scalar_one_or_none()
    if found is not None:
        if found != signed.digest:
            raise Conflict("this party has already signed")
        return False
    conn.execute(
        insert(agreement_signatures),
        {
            "agreement": agreement,
            "agency": agency,
            "digest": signed.digest,
            "statement": signed.statement,
            "signed_at": at,
            "receipt": signed.receipt,
        },
    )
    return True


def give_notice(
    conn: Connection, notice: AgreementNotice, *, statement: bytes, at: datetime, receipt: str
) -> bool:
    """Record a notice of termination; False when it was recorded before.

    Raises:
        Conflict: its id was used for another notice.
    """
    before = select(agreement_notices.c.digest).where(agreement_notices.c.id == notice.id)
    found = conn.execute(before).scalar_one_or_none()
    if found is not None:
        if found != notice.digest:
            raise Conflict
        return False
    conn.execute(
        insert(agreement_notices),
        {
            "digest": notice.digest,
            "agreement": notice.agreement,
            "id": notice.id,
            "iat": notice.iat,
            "agency": notice.agency,
            "statement": statement,
            "ends": notice.ends,
            "recorded_at": at,
            "receipt": receipt,
        },
    )
    return True


def find(conn: Connection, id: str, caller: str) -> Agreement | None:  # noqa: A002
    """Return an agreement to one of its parties; to everybody else it does not exist."""
    row = conn.execute(_of_party(caller).where(agreements.c.id == id)).one_or_none()
    return None if row is None else _agreement(row)


def by_digest(conn: Connection, digest: str) -> Agreement | None:
    """Return an agreement by its digest, whoever asks: for the gate, never for an answer."""
    row = conn.execute(select(agreements).where(agreements.c.digest == digest)).one_or_none()
    return None if row is None else _agreement(row)


def listed(
    conn: Connection, caller: str, *, after: str | None, limit: int
) -> tuple[Agreement, ...]:
    """Return the caller's agreements in the order of their ids, from behind the id `after`."""
    query = (
        _of_party(caller)
        .where(agreements.c.id > (after or ""))
        .order_by(agreements.c.id)
        .limit(limit)
    )
    return tuple(_agreement(row) for row in conn.execute(query))


def digests_of(conn: Connection, caller: str, *, limit: int) -> tuple[str, ...]:
    """Return digests of agreements of which the caller is a party, in their order."""
    query = (
        select(agreement_parties.c.agreement)
        .where(agreement_parties.c.agency == caller)
        .order_by(agreement_parties.c.agreement)
        .limit(limit)
    )
    return tuple(conn.execute(query).scalars())


def by_id(conn: Connection, id: str) -> Agreement | None:  # noqa: A002
    """Return an agreement whoever's it is: for an auditor."""
    row = conn.execute(select(agreements).where(agreements.c.id == id)).one_or_none()
    return None if row is None else _agreement(row)


def every(conn: Connection, *, after: str | None, limit: int) -> tuple[Agreement, ...]:
    """Return agreements whoever's they are, as `listed` does: for an auditor."""
    query = select(agreements).where(agreements.c.id > (after or ""))
    return tuple(
        _agreement(row) for row in conn.execute(query.order_by(agreements.c.id).limit(limit))
    )


def signatures(conn: Connection, agreement: str) -> tuple[Signature, ...]:
    """Return the signatures of an agreement by its digest, in the order they were given."""
    query = (
        select(agreement_signatures)
        .where(agreement_signatures.c.agreement == agreement)
        .order_by(agreement_signatures.c.signed_at, agreement_signatures.c.agency)
    )
    return tuple(
        Signature(
            agency=row.agency,
            statement=row.statement,
            signed_at=row.signed_at,
            receipt=row.receipt,
        )
        for row in conn.execute(query)
    )


def notices(conn: Connection, agreement: str) -> tuple[RecordedNotice, ...]:
    """Return the notices of an agreement by its digest, in the order they were given."""
    query = (
        select(agreement_notices)
        .where(agreement_notices.c.agreement == agreement)
        .order_by(agreement_notices.c.recorded_at, agreement_notices.c.id)
    )
    return tuple(
        RecordedNotice(
            agency=row.agency, statement=row.statement, ends=row.ends, receipt=row.receipt
        )
        for row in conn.execute(query)
    )


def lock(conn: Connection, agreement: str) -> AgreementStanding | None:
    """Lock an agreement by its digest and return what happened to it, or None.

    The first of the gate's locks. The rest is read in a statement of its own: after a wait,
    rows joined to a locked one are stale.
    """
    row = _LOCK.one(conn, {"of": agreement})
    signed: dict[str, datetime] = {}
    given: list[AgreementNotice] = []
    for is_signature, agency, moment, digest, notice_id, iat in _STANDING.all(
        conn, {"of": agreement}
    ):
        if is_signature:
            signed[agency] = moment
        else:
            given.append(
                AgreementNotice(
                    digest=digest,
                    id=notice_id,
                    iat=iat,
                    agency=agency,
                    agreement=agreement,
                    ends=moment,
                )
            )
    # Also for one that does not exist both statements run: the gate takes as long for it.
    if row is None:
        return None
    return AgreementStanding(signed=signed, notices=tuple(given), ended_at=row.ended_at)


def unended(conn: Connection, *, after: str | None, limit: int) -> tuple[Unended, ...]:
    """Return agreements not flagged as ended, in the order of their ids, for the sweeper."""
    query = (
        select(agreements.c.digest, agreements.c.id, agreements.c.chain)
        .where(agreements.c.ended_at.is_(None), agreements.c.id > (after or ""))
        .order_by(agreements.c.id)
        .limit(limit)
    )
    return tuple(
        Unended(digest=row.digest, id=row.id, chain=row.chain) for row in conn.execute(query)
    )


def ended_with_consents(conn: Connection, *, limit: int) -> tuple[str, ...]:
    """Return digests of ended agreements under which consents have not ended yet."""
    query = (
        select(agreements.c.digest)
        .where(
            agreements.c.ended_at.is_not(None),
            exists().where(
                consents.c.agreement == agreements.c.digest, consents.c.ended_at.is_(None)
            ),
        )
        .limit(limit)
    )
    return tuple(conn.execute(query).scalars())


def flag_ended(conn: Connection, agreement: str, *, at: datetime) -> bool:
    """Flag an agreement as ended: `decide` denies everything under it from the commit on.

    Its consents are ended afterwards, in batches (`ending.end_wordless`).

    Returns:
        False when it was flagged before.
    """
    change = (
        update(agreements)
        .where(agreements.c.digest == agreement, agreements.c.ended_at.is_(None))
        .values(ended_at=at)
    )
    return conn.execute(change).rowcount == 1


def _of_party(caller: str) -> Select[*tuple[object, ...]]:
    return select(agreements).where(
        exists().where(
            agreement_parties.c.agreement == agreements.c.digest,
            agreement_parties.c.agency == caller,
        )
    )


def _agreement(row: Row[*tuple[object, ...]]) -> Agreement:
    return Agreement(
        digest=row.digest,
        id=row.id,
        statement=row.statement,
        chain=row.chain,
        recorded_at=row.recorded_at,
        ended_at=row.ended_at,
    )
