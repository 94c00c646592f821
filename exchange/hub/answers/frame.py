"""What the answers to privacy officers share: who may ask, and the head they had."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from exchange.audit.spelling import write_base64
from exchange.errors import NotPermitted
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub

PAGE = 50
"""Rows of a page, where nobody asks for another number."""

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
