"""Document keys of agencies: their key statements, which keys are accepted, which are revoked."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, exists, insert, or_, select, update

from exchange.errors import Conflict
from exchange.hub.storage.tables import agencies, key_statements, revoked_keys
from exchange.prepared import Prepared

GRACE = timedelta(hours=24)
"""How long uploads sealed to the key before are still accepted after a rotation."""
SKEW = timedelta(seconds=300)
"""How much earlier than its `nbf` a statement counts, because clocks differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatement:
    """A signed key statement and what it says."""

    agency: str
    seq: int
    digest: str
    statement: bytes
    """As received."""
    fingerprint: str
    """Of the document key."""
    nbf: datetime
    exp: datetime


_NEWEST = (
    select(key_statements)
    .where(key_statements.c.agency == bindparam("of"))
    .order_by(key_statements.c.seq.desc())
    .limit(1)
)
_ACCEPTED = Prepared(
    select(key_statements.c.agency, key_statements.c.fingerprint)
    .join_from(key_statements, agencies)
    .where(
        key_statements.c.agency == bindparam("of"),
        agencies.c.state == "active",
        or_(
            key_statements.c.superseded_at.is_(None),
            key_statements.c.superseded_at > bindparam("since"),
        ),
        key_statements.c.nbf <= bindparam("begun"),
        key_statements.c.exp > bindparam("now"),
        ~exists().where(
            revoked_keys.c.fingerprint == key_statements.c.fingerprint,
            revoked_keys.c.agency == key_statements.c.agency,
        ),
    )
)


def newest(conn: Connection, agency: str) -> KeyStatement | None:
    """Return the newest key statement of an agency, or None before its first.

    The unit that stores the next one has locked the agency (`agencies.lock`) before.
    """
    row = conn.execute(_NEWEST, {"of": agency}).one_or_none()
    if row is None:
        return None
    return KeyStatement(
        agency=row.agency,
        seq=row.seq,
        digest=row.digest,
        statement=row.statement,
        fingerprint=row.fingerprint,
        nbf=row.nbf,
        exp=row.exp,
    )


def add(conn: Connection, new: KeyStatement, *, at: datetime) -> None:
    """Store the next key statement of an agency; the caller has verified it.

    Raises:
        Conflict: `seq` is not greater than that of the newest one.
    """
    before = newest(conn, new.agency)
    if before is not None and new.seq <= before.seq:
        raise Conflict("a newer key statement is already stored")
    supersede = update(key_statements).where(
        key_statements.c.agency == new.agency, key_statements.c.superseded_at.is_(None)
    )
    conn.execute(supersede.values(superseded_at=at))
    conn.execute(
        insert(key_statements),
        {
            "agency": new.agency,
            "seq": new.seq,
            "digest": new.digest,
            "statement": new.statement,
            "fingerprint": new.fingerprint,
            "nbf": new.nbf,
            "exp": new.exp,
            "stored_at": at,
        },
    )


def revoke(
    conn: Connection, agency: str, fingerprints: Collection[str], *, at: datetime
) -> tuple[str, ...]:
    """Remember for ever that these keys of an agency are revoked; return those that are new.

    Headers sealed to them are deleted in the same unit (`ending.end_sealed_to`), which has locked
    the agency.
    """
    new = sorted(set(fingerprints) - revoked(conn, agency))
    for fingerprint in new:
        row = {"fingerprint": fingerprint, "agency": agency, "revoked_at": at}
        conn.execute(insert(revoked_keys), row)
    return tuple(new)


def revoked(conn: Connection, agency: str) -> frozenset[str]:
    """Return the fingerprints of every key that an agency has revoked."""
    query = select(revoked_keys.c.fingerprint).where(revoked_keys.c.agency == agency)
    return frozenset(conn.execute(query).scalars())


def accepted(
    conn: Connection, names: Collection[str], *, now: datetime
) -> dict[str, frozenset[str]]:
    """Return the fingerprints a document for each of these agencies may be sealed to, now.

    The key of the newest statement, and for one day that of the one before; never a revoked one,
    never one of a suspended agency. Agencies without such a key are left out.
    """
    found: dict[str, frozenset[str]] = {}
    for agency in names:
        asked = {"of": agency, "since": now - GRACE, "begun": now + SKEW, "now": now}
        if keys := frozenset(row.fingerprint for row in _ACCEPTED.all(conn, asked)):
            found[agency] = keys
    return found
