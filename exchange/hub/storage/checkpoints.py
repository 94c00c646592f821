"""Signed heads of the log: which was named a candidate, witnessed, published; and their lines.

`log_checkpoint.note` is text and the log's own line. Every other line is a row of
`log_cosignature`, and is appended when a note is served.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from exchange.hub.heads import Signed


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One line of a head by somebody else than the log's Ed25519 key."""

    name: str
    key_id: bytes
    """4 bytes."""
    time: int
    """POSIX seconds at which it was made."""
    line: bytes
    """As in the note, with its line end."""


def newest(conn: Connection) -> Signed | None:
    """Return the largest signed head; None before the first."""
    raise NotImplementedError


def at_size(conn: Connection, size: int) -> Signed | None:
    """Return the signed head of this size, if it is kept."""
    raise NotImplementedError


def insert(conn: Connection, head: Signed) -> None:
    """Keep a signed head; one of this size that is there already is the same one."""
    raise NotImplementedError


def newest_candidate(conn: Connection) -> tuple[Signed, datetime] | None:
    """Return the head that witnesses are asked to cosign now, and when it was named."""
    raise NotImplementedError


def mark_candidate(conn: Connection, size: int, *, at: datetime) -> None:
    """Name a signed head the one that witnesses cosign."""
    raise NotImplementedError


def is_candidate(conn: Connection, size: int) -> bool:
    """Tell whether the head of this size was named a candidate and is kept."""
    raise NotImplementedError


def add_cosignature(conn: Connection, size: int, line: Cosigned) -> None:
    """Keep a verified line; an older one of the same key makes room for it, never a newer one."""
    raise NotImplementedError


def cosignatures(conn: Connection, size: int) -> Sequence[Cosigned]:
    """Return the lines of a head by others, by name and key."""
    raise NotImplementedError


def mark_witnessed(conn: Connection, size: int, *, at: datetime) -> bool:
    """Note that a candidate has its quorum, and publish it unless a larger one is published.

    Returns:
        False if that was known.
    """
    raise NotImplementedError


def newest_witnessed(conn: Connection) -> tuple[Signed, datetime] | None:
    """Return the largest head with its quorum, and when it had it."""
    raise NotImplementedError


def mark_published(conn: Connection, size: int, *, at: datetime) -> None:
    """Serve a head at `/log/checkpoint` from now on, unless a larger one is served."""
    raise NotImplementedError


def published(conn: Connection) -> Signed | None:
    """Return the head that `/log/checkpoint` serves; it never becomes smaller."""
    raise NotImplementedError


def served_note(conn: Connection, size: int) -> bytes:
    """Return a head as it goes out: text, the log's own line, then every other line.

    Raises:
        NotFound: no head of this size is kept.
    """
    raise NotImplementedError


def covering(conn: Connection, index: int, *, witnessed: bool) -> bytes | None:
    """Return the note for a receipt of the entry at `index`, with every line there is.

    That of the smallest witnessed head that covers it; unless `witnessed`, that of the newest
    signed head where there is none. None: not covered yet.
    """
    raise NotImplementedError


def keep_evidence(conn: Connection, note: bytes, *, at: datetime) -> None:
    """Keep a note with our own signature that the tree contradicts; no replica signs after it."""
    raise NotImplementedError


def evidence(conn: Connection) -> Sequence[bytes]:
    """Return every note kept as evidence."""
    raise NotImplementedError
