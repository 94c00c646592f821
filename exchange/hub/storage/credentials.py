"""Digests of the persons' codes: one for each consent, of a random value where none was issued.

Nothing in here tells which of them somebody holds.
"""

import secrets

from sqlalchemy import Connection, insert, select, update

from exchange.canonical import b64u
from exchange.errors import Conflict
from exchange.hub.storage.tables import credentials

DIGEST_SIZE = 32
"""Bytes of a digest, and of the random value in its place."""


def nobodys() -> str:
    """Return the digest of a code that nobody holds."""
    return b64u(secrets.token_bytes(DIGEST_SIZE))


def add(conn: Connection, consent: str, digest: str) -> None:
    """Store the digest of the code of a new consent.

    Raises:
        Conflict: another consent has this code.
    """
    if opened(conn, digest) is not None:
        raise _used()
    conn.execute(insert(credentials), {"consent": consent, "digest": digest})


def replace(conn: Connection, consent: str, digest: str) -> bool:
    """Put another digest in place, so that the code before it opens nothing any more.

    False when it was this one already: a repetition.

    Raises:
        Conflict: another consent has this code.
    """
    holder = opened(conn, digest)
    if holder == consent:
        return False
    if holder is not None:
        raise _used()
    conn.execute(update(credentials).where(credentials.c.consent == consent).values(digest=digest))
    return True


def opened(conn: Connection, digest: str) -> str | None:
    """Return the digest of the consent that a code opens, or None; one look-up either way."""
    query = select(credentials.c.consent).where(credentials.c.digest == digest)
    return conn.execute(query).scalar()


def _used() -> Conflict:
    return Conflict("this code was used before")
