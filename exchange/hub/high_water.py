"""The newest signed head, kept outside the database: what a restored backup cannot bring back.

A file in the home of each replica. It is written before anybody can see the head, so it never
knows less than anybody who got one from here. Losing it costs a question to the witnesses.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from exchange.audit.checkpoint import read_checkpoint
from exchange.audit.note import read_note
from exchange.durable import write_bytes_durably
from exchange.errors import Malformed

FILE = "log-high-water"
"""Name of the file in the home: a signed note."""
LOCK_FILE = "log-high-water.lock"


def read(home: Path) -> bytes | None:
    """Return the note in the file; None if there is none."""
    try:
        return (home / FILE).read_bytes()
    except FileNotFoundError:
        return None


def _any(_note: bytes) -> bool:
    return True


def raise_to(home: Path, note: bytes, *, counts: Callable[[bytes], bool] = _any) -> None:
    """Keep a signed head, unless a larger one is kept; durable when it returns.

    Workers that share a home take turns, so that the slower one does not lower it.

    Args:
        home: of the hub.
        note: of the head.
        counts: tells whether what is kept is a head of this log at all; if not, it is replaced.

    Raises:
        OSError: disk full, input or output error: then the head must not be shown.
    """
    lock = os.open(home / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = read(home)
        if kept is None or not counts(kept) or _size(kept) < _size(note):
            # A crash here leaves the older note or this one, whole. Either way the tree in the
            # database has this size already: it was read there before it was signed.
            write_bytes_durably(home / FILE, note, replace=True)
    finally:
        os.close(lock)


def _size(note: bytes) -> int:
    """Return the size that a note names; of a damaged file less than any."""
    try:
        return read_checkpoint(read_note(note).text).size
    except Malformed:
        return -1
