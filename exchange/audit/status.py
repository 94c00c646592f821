"""Status notes: the hub's signed word that a consent had not ended when it looked.

Pure. That no withdrawal was logged cannot be proven by inclusion, so the hub signs it, with a
key that signs nothing else. There is no other word than `active`: of a consent that is
withdrawn, hidden or unknown there is no note. A note with a size above the index of a
withdrawal, or with a time after it, is with that withdrawal's receipt or opening proof of a lie.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.audit.merkle import HASH_SIZE
from exchange.audit.note import (
    Note,
    SigningKey,
    VerifyingKey,
    read_note,
    sign,
    verified,
    write_note,
)
from exchange.audit.opening import EVENT, Opening, event_of
from exchange.audit.spelling import LARGEST_NUMBER, read_base64, read_number, write_base64
from exchange.canonical import is_digest
from exchange.errors import LogInvalid, Malformed
from exchange.members import LARGEST_SECONDS, read_time

SUFFIX = "/status"
"""What the name of the key adds to the log's origin."""
WITHDRAWN: Final = "consent-withdrawn"
"""Kind of the event that a note can be false about."""
SKEW_S: Final = 1
"""Seconds by which the clocks of two machines of one hub may differ."""
_LINES = 6


@dataclass(frozen=True, slots=True)
class Status:
    """One consent was active, at a time and at a state of the log."""

    origin: str
    """Name of the log, without `SUFFIX`."""
    consent: str
    """Digest of the consent statement, 43 characters."""
    size: int
    """Entries of the newest signed checkpoint."""
    root: bytes
    """Its root, 32 bytes."""
    at: int
    """POSIX seconds, within the transaction that read the consent."""

    def __post_init__(self) -> None:
        if not is_digest(self.consent):
            raise Malformed("a status note names a consent by its digest")
        if not 0 <= self.size <= LARGEST_NUMBER or len(self.root) != HASH_SIZE:
            raise Malformed("a status note holds a size and a root of 32 bytes")
        if not 1 <= self.at <= LARGEST_SECONDS:
            raise Malformed("a status note has a time")


def write_status(status: Status) -> bytes:
    """Return the text that is signed: six lines."""
    return (
        f"{status.origin}{SUFFIX}\nactive\n{status.consent}\n{status.size}\n"
        f"{write_base64(status.root)}\n{status.at}\n"
    ).encode()


def sign_status(status: Status, key: SigningKey) -> bytes:
    """Return the signed note.

    Raises:
        Malformed: the key is not named as that of this log's status notes.
    """
    if key.name != status.origin + SUFFIX:
        raise Malformed("status notes are signed by a key of their own")
    text = write_status(status)
    return write_note(Note(text, (sign(text, key),)))


def read_status(raw: bytes, key: VerifyingKey) -> Status:
    """Return what a status note says, after its signature verified.

    Args:
        raw: the note as it arrived.
        key: of the status notes of the log asked.

    Raises:
        LogInvalid: not signed by `key` (`note-unsigned`, `note-signature`), or about another
            log than its key (`status-origin`).
        Malformed: no note, or another text than one of six lines.
    """
    note = read_note(raw)
    verified(note, [key])
    lines = note.text.decode("utf-8").split("\n")
    if len(lines) != _LINES + 1 or lines[1] != "active":
        raise Malformed("a status note has six lines")
    origin, _, consent, size, root, at, _ = lines
    if origin != key.name or not origin.endswith(SUFFIX):
        raise LogInvalid("the status note is about another log", what="status-origin")
    return Status(
        origin.removesuffix(SUFFIX),
        consent,
        read_number(size),
        read_base64(root, size=HASH_SIZE),
        read_number(at),
    )


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The withdrawal of a consent, as an entry of a log."""

    origin: str
    """Name of the log."""
    index: int
    """Of the entry, which somebody else has proven."""
    consent: str
    """Digest of the consent statement, 43 characters."""
    at: str
    """When the hub recorded it, as its event says."""


def withdrawal_of(origin: str, index: int, opening: Opening) -> Withdrawal:
    """Return the withdrawal that an entry is.

    Args:
        origin: of the log.
        index: of the entry, in which `opening` has been shown to stand.
        opening: what opens it.

    Raises:
        LogInvalid: the entry is something else (`status-other`).
    """
    event = event_of(opening) if opening.version == EVENT else {}
    if event.get("kind") != WITHDRAWN:
        raise LogInvalid("the entry is no withdrawal", what="status-other")
    return Withdrawal(origin, index, event["consent"], event["at"])


class Lie(StrEnum):
    """Why a status note and the receipt of a withdrawal cannot both be true."""

    SIZE = "size"
    """The tree of the note holds the withdrawal already."""
    TIME = "time"
    """The note was signed after the withdrawal."""


def lie_in(status: Status, withdrawn: Withdrawal) -> Lie | None:
    """Tell whether a status note convicts the hub, together with a withdrawal that is logged.

    The hub looks at a consent and signs its note under the lock that a withdrawal takes, so an
    honest one is never found here.

    Args:
        status: its signature verified.
        withdrawn: its entry proven.

    Raises:
        LogInvalid: the withdrawal is of another consent, or in another log (`status-other`).
    """
    if (withdrawn.origin, withdrawn.consent) != (status.origin, status.consent):
        raise LogInvalid("the withdrawal is of another consent", what="status-other")
    if status.size > withdrawn.index:
        return Lie.SIZE
    if status.at > read_time(withdrawn.at).timestamp() + SKEW_S:
        return Lie.TIME
    return None
