"""Checkpoints (C2SP tlog-checkpoint): name, size and root of a log, as three lines of text.

Pure. Extension lines are neither written nor read: nobody audits them, an ML-DSA cosignature
does not sign them, and witnesses disagree about whether theirs does.
"""

import re
from dataclasses import dataclass

from exchange.audit.merkle import EMPTY_ROOT, HASH_SIZE
from exchange.audit.spelling import LARGEST_NUMBER, read_base64, read_number, write_base64
from exchange.errors import Malformed

LINES = 3
_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree of one log at one size."""

    origin: str
    """Name of the log: its URL prefix without scheme and trailing slash, `hub.example/log`."""
    size: int
    """Entries."""
    root: bytes
    """32 bytes; of a log without entries `merkle.EMPTY_ROOT`."""

    def __post_init__(self) -> None:
        if not self.origin or _CONTROL.search(self.origin):
            raise Malformed("a checkpoint names its log in one line")
        if not 0 <= self.size <= LARGEST_NUMBER or len(self.root) != HASH_SIZE:
            raise Malformed("a checkpoint holds a size and a root of 32 bytes")
        if not self.size and self.root != EMPTY_ROOT:
            raise Malformed("a log without entries has one root only")


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the text that is signed: origin, size and base64 root, a line each."""
    root = write_base64(checkpoint.root)
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n".encode()


def read_checkpoint(text: bytes) -> Checkpoint:
    """Return the checkpoint in the text of a note, whose signatures are the caller's business.

    Raises:
        Malformed: not exactly three lines, a second spelling, or a root that cannot be.
    """
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise Malformed("a checkpoint is text in UTF-8") from None
    if len(lines) != LINES + 1 or lines[-1]:
        raise Malformed("a checkpoint has exactly three lines")
    origin, size, root, _ = lines
    return Checkpoint(origin, read_number(size), read_base64(root, size=HASH_SIZE))
