"""The tree of the log in SQL: leaves that wait become entries, tiles and a root; nothing is signed.

Rows of tiles grow in place, so that every past width of a tile is the beginning of its row.
"""

from collections.abc import Callable

from sqlalchemy import Connection

LOCK_LABEL = b"consent-log/v1 lock\n"


def append(conn: Connection, *, lock: int, opened: bytes, batch: int) -> int | None:
    """Move waiting leaves into the tree, and return how many; None if another replica does it.

    One transaction: after a crash in it the leaves wait as before.

    Args:
        conn: of the unit of work.
        lock: key of the advisory lock, from `lock_of`; PostgreSQL only.
        opened: the document that is entry 0 of a log that is empty.
        batch: leaves at most.

    Raises:
        Unavailable: the tree is not what its rows say, or another sequencer was faster.
    """
    raise NotImplementedError


def tree(conn: Connection) -> tuple[int, bytes]:
    """Return the size of the tree and the bytes of its compact range."""
    raise NotImplementedError


def row(conn: Connection, level: int, n: int) -> bytes:
    """Return the hashes of tile `n` at `level`, as many as there are; empty if none."""
    raise NotImplementedError


def reader(conn: Connection) -> Callable[[int, int], bytes]:
    """Return what reads rows of tiles over `conn`, for `exchange.audit.merkle`."""
    raise NotImplementedError


def leaves(conn: Connection, first: int, count: int) -> list[bytes]:
    """Return the leaves of the entries from index `first` on, `count` at most."""
    raise NotImplementedError


def index_of(conn: Connection, rid: str) -> int | None:
    """Return the index of the entry that a receipt names; None while it waits, or if unknown."""
    raise NotImplementedError
