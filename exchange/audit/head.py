"""Signed heads: a checkpoint that a known key of its log has signed.

Pure. For whoever knows the log's keys and asks for no witness, such as a witness itself;
everybody else judges by a policy (`exchange.audit.policy`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from exchange.audit.checkpoint import Checkpoint, read_checkpoint
from exchange.audit.note import Note, VerifyingKey, read_note, verified
from exchange.errors import LogInvalid


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A checkpoint whose log has signed it. Only `read_signed` makes one."""

    checkpoint: Checkpoint
    note: Note = field(repr=False)
    raw: bytes = field(repr=False)
    """The note, verbatim."""


def read_signed(raw: bytes, log_keys: Iterable[VerifyingKey]) -> SignedHead:
    """Return the checkpoint in a note that one of the log's keys has signed.

    Raises:
        LogInvalid: no line by these keys, or a false one; or keys of another log than the
            checkpoint names (`checkpoint-origin`).
        Malformed: no note, or no checkpoint in it.
    """
    note = read_note(raw)
    found = verified(note, log_keys)
    checkpoint = read_checkpoint(note.text)
    check_origin(checkpoint, (key for key, _ in found))
    return SignedHead(checkpoint, note, raw)


def check_origin(checkpoint: Checkpoint, signed_by: Iterable[VerifyingKey]) -> None:
    """Refuse a checkpoint unless every key of a log that signed it is named as its origin.

    Raises:
        LogInvalid: one is not (`checkpoint-origin`).
    """
    if any(key.name != checkpoint.origin for key in signed_by):
        raise LogInvalid("the checkpoint is signed by another log", what="checkpoint-origin")
