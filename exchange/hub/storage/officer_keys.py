"""Keys of auditors' accounts: with which an auditor's own tool gets tokens."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from exchange.errors import Conflict
from exchange.hub.storage.officer_tables import officer_keys, officers


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerKey:
    """The key of an account that was not removed."""

    kid: str
    officer: str
    """Id of the account."""
    ed25519: bytes = field(repr=False)
    """Raw public key."""
    set_at: datetime
    used_at: datetime | None = None
    """When it last got a token; None: never."""


def put(conn: Connection, new: OfficerKey) -> None:
    """Give an account its key, in the place of the one it had; the caller has locked the account.

    Raises:
        Conflict: another account has this key.
    """
    holder = find(conn, new.kid)
    if holder is not None and holder.officer != new.officer:
        raise Conflict("another account has this key")
    remove(conn, new.officer)
    # What is left of a removed account that a hub of the schema before knew nothing of.
    conn.execute(delete(officer_keys).where(officer_keys.c.kid == new.kid))
    row = {
        "kid": new.kid,
        "officer": new.officer,
        "ed25519": new.ed25519,
        "set_at": new.set_at,
    }
    conn.execute(insert(officer_keys), row)


def remove(conn: Connection, officer: str) -> bool:
    """Take the key of an account away, and with it every token it has got.

    Returns:
        False when it had none.
    """
    return conn.execute(delete(officer_keys).where(officer_keys.c.officer == officer)).rowcount == 1


def find(conn: Connection, kid: str) -> OfficerKey | None:
    """Return the key with this name, or None."""
    return _one(conn, _STANDING.where(officer_keys.c.kid == kid))


def held_by(conn: Connection, officer: str) -> OfficerKey | None:
    """Return the key of an account, or None."""
    return _one(conn, _STANDING.where(officer_keys.c.officer == officer))


def every(conn: Connection) -> dict[str, OfficerKey]:
    """Return every key, by the id of its account."""
    return {row.officer: _key(row) for row in conn.execute(_STANDING)}


def use(conn: Connection, kid: str, *, at: datetime) -> None:
    """Remember that a key has got a token."""
    conn.execute(update(officer_keys).where(officer_keys.c.kid == kid).values(used_at=at))


# A hub of the schema before removes an account and knows of no key: the account decides.
_STANDING = (
    select(officer_keys)
    .join_from(officer_keys, officers)
    .where(officers.c.removed_at.is_(None), officers.c.role == "auditor")
)


def _one(conn: Connection, query: Select[*tuple[object, ...]]) -> OfficerKey | None:
    row = conn.execute(query).one_or_none()
    return None if row is None else _key(row)


def _key(row: Row[*tuple[object, ...]]) -> OfficerKey:
    return OfficerKey(
        kid=row.kid,
        officer=row.officer,
        ed25519=row.ed25519,
        set_at=row.set_at,
        used_at=row.used_at,
    )
