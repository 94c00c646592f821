"""What the answers to privacy officers share: who may ask, the head they had, and how to go on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from exchange.audit.spelling import write_base64
from exchange.canonical import b64u, unb64u
from exchange.errors import Malformed, NotPermitted
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub

PAGE = 50
"""Rows of a page, where nobody asks for another number."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_AT_SIZE, _INDEX_SIZE = 8, 6

Asked_co = TypeVar("Asked_co", covariant=True)
Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head of the log."""

    origin: str
    size: int
    root: str
    """Base64, as in the checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Generic[Asked_co, Answer_co]):
    """An answer in its frame."""

    question: str
    agency: str
    asked: Asked_co
    """The parameters, repeated."""
    answered_at: datetime
    checkpoint: Head | None
    """The newest signed head then; None before the first."""
    answer: Answer_co
    next: str | None = None
    """Cursor of the next page; None where nothing is left."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an entry stands among those of an agency."""

    at: datetime
    index: int


@dataclass(frozen=True, slots=True)
class NoQuestion:
    """A question without parameters."""


def agency_of(asker: Officer) -> str:
    """Return whose records the asker reads.

    Raises:
        NotPermitted: an auditor or an operator: they read none.
    """
    if asker.role != "officer" or asker.agency is None:
        raise NotPermitted
    return asker.agency


def newest_head(hub: Hub) -> Head | None:
    """Return the newest signed head of the log that this process knows."""
    head = hub.heads.newest
    return None if head is None else Head(hub.signer.origin, head.size, write_base64(head.root))


def write_place(place: Place) -> str:
    """Return the cursor behind an entry."""
    ticks = (place.at - _EPOCH) // _TICK
    return b64u(ticks.to_bytes(_AT_SIZE, "big") + place.index.to_bytes(_INDEX_SIZE, "big"))


def read_place(cursor: str | None) -> Place | None:
    """Return the entry behind which a page begins; None for the first page.

    Raises:
        Malformed: no cursor of ours.
    """
    if cursor is None:
        return None
    raw = unb64u(cursor, size=_AT_SIZE + _INDEX_SIZE)
    try:
        at = _EPOCH + int.from_bytes(raw[:_AT_SIZE], "big") * _TICK
    except OverflowError:
        raise Malformed("after: no cursor of this list") from None
    return Place(at, int.from_bytes(raw[_AT_SIZE:], "big"))
