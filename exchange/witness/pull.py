"""A witness without an open port: it asks the log for its candidate and brings its cosignature.

The proof is built from the log's own tiles and judged like a request that somebody sent; so a
witness that pulls and one that is asked do the same, in the same order, under the same lock.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from exchange.audit.checkpoint import Checkpoint, read_checkpoint
from exchange.audit.merkle import consistency_path, tiles_for_consistency
from exchange.audit.note import Note, read_note, write_note
from exchange.audit.submission import Reason, Refusal, Submission, write_submission
from exchange.audit.tiles import tile_in
from exchange.errors import LogInvalid, SplitView, Unavailable
from exchange.witness.cosign import Cosigned, Cosigner
from exchange.witness.road import Road

AGAIN: Final = timedelta(minutes=10)
"""After which an unchanged head is cosigned again: auditors want a recent time."""


class Pulled(StrEnum):
    """How a look at the log ended."""

    NOTHING_NEW = "nothing-new"
    COSIGNED = "cosigned"
    """The log has taken the cosignature."""
    NOT_WANTED = "not-wanted"
    """The log's policy does not name this witness, or the log has gone on meanwhile."""
    BEHIND = "behind"
    """The log shows less than this witness has cosigned; it was reminded of it."""


@dataclass(slots=True)
class Last:
    """What a pulling witness knows of its own last success: a look may fail half-way."""

    head: Checkpoint | None = None
    at: datetime | None = None


async def pull(cosigner: Cosigner, road: Road, origin: str, last: Last, *, now: datetime) -> Pulled:
    """Look at the log once, and cosign its candidate if there is a reason to.

    Args:
        cosigner: watches `origin`.
        road: to that log.
        origin: of the log.
        last: of earlier looks; changed.
        now: aware.

    Raises:
        NotFound: the log has no candidate yet.
        Unavailable: the log cannot be reached, or our clock went back.
        Malformed, LogInvalid: what the log shows is no head of it.
        SplitView: the log contradicts what this witness has cosigned. Both heads are kept, and
            the log was shown its own signature.
        OSError: our own disk; nothing was signed.
    """
    candidate = await road.candidate()
    offered = read_checkpoint(read_note(candidate).text)
    if offered.origin != origin:
        raise LogInvalid("the log shows the head of another log", what="origin")
    if last.head == offered and last.at is not None and now < last.at + AGAIN:
        return Pulled.NOTHING_NEW
    held = await asyncio.to_thread(cosigner.last, origin)
    if held is not None and held.size > offered.size:
        await _remind(cosigner, road, origin)
        return Pulled.BEHIND
    cosigned = await _cosign(cosigner, road, origin, Offer(candidate, offered, held))
    # A crash here: remembered, and the log does not have it; the next look hands it in.
    status = await road.hand_in(write_note(Note(cosigned.note.text, (cosigned.line,))))
    if status not in {HTTPStatus.OK, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        raise Unavailable("the log does not take the cosignature now")
    last.head, last.at = offered, now
    return Pulled.COSIGNED if status == HTTPStatus.OK else Pulled.NOT_WANTED


@dataclass(frozen=True, slots=True)
class Offer:
    """A candidate, and what it has to continue."""

    note: bytes
    head: Checkpoint
    held: Checkpoint | None


async def _cosign(cosigner: Cosigner, road: Road, origin: str, offer: Offer) -> Cosigned:
    old = 0 if offer.held is None else offer.held.size
    proof = await _proof(road, old, offer.head.size)
    asked = write_submission(Submission(old, proof, offer.note))
    judged = await asyncio.to_thread(cosigner.add, asked)
    if isinstance(judged, Cosigned):
        return judged
    held = await asyncio.to_thread(cosigner.note, origin)
    if judged.reason is Reason.INCONSISTENT and held is not None:
        await _remind(cosigner, road, origin)
        raise SplitView("the log contradicts what was cosigned", notes=(held, offer.note))
    raise _not_cosigned(judged)


def _not_cosigned(refusal: Refusal) -> LogInvalid | Unavailable:
    if refusal.reason is Reason.STALE:  # another look of this program was quicker
        return Unavailable("another look at the log was under way")
    return LogInvalid("the log shows a head that is not its own", what=refusal.reason.value)


async def _proof(road: Road, old: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that leads from `old` to `size`, built from tiles; nobody believes it yet.

    Raises:
        LogInvalid: the tiles do not suffice for one.
    """
    if not 0 < old < size:
        return ()
    rows = {
        (level, n): await road.tile(tile_in(size, level, n))
        for level, n in sorted(tiles_for_consistency(old, size))
    }
    return consistency_path(lambda level, n: rows[level, n], old, size)


async def _remind(cosigner: Cosigner, road: Road, origin: str) -> None:
    """Show the log the head of its own that it denies: it stops a signer that has forgotten."""
    note = await asyncio.to_thread(cosigner.note, origin)
    if note is not None:
        await road.hand_in(note)
