"""Rows of the answer: what is affected, each kind of it with what may be known."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Openable:
    """A disclosure that was sealed to the key."""

    disclosure: str
    sender: str
    stored_at: datetime
    header_deleted_at: datetime | None
    """None: its header is still at the hub."""
    category: str
    special: bool
    secrecy: str
    consent: str
    """Id of the consent."""
    subject_ref: str

    def gone_before(self, moment: datetime) -> bool:
        """Tell whether its header was gone before a moment: a copy of it is needed then."""
        return self.header_deleted_at is not None and self.header_deleted_at < moment


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A consent whose sealed part the key may open."""

    consent: str
    subject_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """An event that somebody else may have brought about, or whose place in the log is in doubt."""

    index: int
    """Of its entry in the log."""
    kind: str
    at: datetime
    by: str
    statement: str | None
    """Digest of what was signed; of a disclosure its manifest."""
    consent: str | None
    """Id of the consent it is about, if it is about one."""
    subject_ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An event that whoever had the code could read on the person's page."""

    index: int
    """Of its entry in the log."""
    kind: str
    at: datetime
    by: str
    consent: str
    """Id of the consent."""
    sent: Openable | None
    """The disclosure, of the event that it was stored. Nobody can open it with the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerhapsSeen:
    """An entry that a look may have shown: an upper bound, the log does not say it exactly."""

    index: int
    """Of its entry in the log."""
    kind: str
    at: datetime
    by: str
    how: Literal["consent", "list"]
    """`consent`: its consent was looked at by name, and it was there by then. `list`: it lies
    between the entries that a page or a file was made from, which may have held others."""
    consent: str | None
    """Id of the consent it is about; None where the agency may not read that."""
    subject_ref: str | None
    sent: Openable | None
    """The disclosure it is about. No look opens it."""


Affected: TypeAlias = Openable | SealedBlock | Doubtful | Shown | PerhapsSeen
