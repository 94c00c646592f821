"""What a witness is asked, and what it answers: one `add-checkpoint` of C2SP tlog-witness.

```
old <size the witness is believed to hold>
<base64 hash>                                   the consistency proof, none to 63 of them
...

<checkpoint, a signed note>
```
Pure. The order of the checks is the protocol's: which refusal is answered tells the asker what to
do. Whoever keeps what `assess` accepts does both as one step: two requests at once would otherwise
roll the witness back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.audit.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from exchange.audit.merkle import EMPTY_ROOT, HASH_SIZE, LONGEST_PATH, verify_consistency
from exchange.audit.note import Note, VerifyingKey, read_note, verified
from exchange.audit.spelling import read_base64, read_number, write_base64
from exchange.errors import LogInvalid, Malformed, TooLarge

MOST_BYTES: Final = 128 * 1024
"""Of one request."""

_OLD: Final = b"old "


@dataclass(frozen=True, slots=True)
class Submission:
    """A head offered to a witness, and the proof that it continues what the witness holds."""

    old: int
    """Size the witness is believed to hold; 0 if none."""
    proof: tuple[bytes, ...]
    """Of consistency from `old` on; empty where nothing is to be proven."""
    note: bytes
    """The signed checkpoint, verbatim."""


class Reason(StrEnum):
    """Why a witness does not cosign, in the order of the checks."""

    MALFORMED = "malformed"
    """Not a request, or older than what it claims to continue."""
    UNKNOWN_LOG = "unknown-log"
    """Of a log that this witness does not watch."""
    UNSIGNED = "unsigned"
    """No signature of a key of that log, or a known one that is false."""
    STALE = "stale"
    """The witness holds another size than the asker believes."""
    INCONSISTENT = "inconsistent"
    """It does not continue what the witness holds: perhaps evidence, to be kept."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A head that is not cosigned."""

    reason: Reason
    origin: str = ""
    """Of a log that is watched; empty where the refusal came before that was known."""
    held: int = 0
    """Size the witness holds of it."""


@dataclass(frozen=True, slots=True)
class Acceptable:
    """A head that continues what the witness holds; nothing is kept and nothing signed yet."""

    checkpoint: Checkpoint
    note: Note
    """Its text and the signatures by the log; whatever else was below it is left out."""


def read_submission(raw: bytes) -> Submission:
    """Return the parts of a request; nothing in them is verified.

    Raises:
        Malformed: anything else than the form above.
        TooLarge: more than `MOST_BYTES`.
    """
    if len(raw) > MOST_BYTES:
        raise TooLarge(f"more than {MOST_BYTES} bytes")
    head, blank, note = raw.partition(b"\n\n")
    first, *hashes = head.split(b"\n")
    if not blank or not first.startswith(_OLD) or len(hashes) > LONGEST_PATH:
        raise Malformed("not a request to a witness")
    return Submission(
        old=read_number(_ascii(first.removeprefix(_OLD))),
        proof=tuple(read_base64(_ascii(one), size=HASH_SIZE) for one in hashes),
        note=note,
    )


def write_submission(submission: Submission) -> bytes:
    """Return the bytes of a request."""
    lines = [f"old {submission.old}", *(write_base64(one) for one in submission.proof)]
    return "".join(f"{line}\n" for line in lines).encode("ascii") + b"\n" + submission.note


def assess(
    submission: Submission,
    logs: Mapping[str, Sequence[VerifyingKey]],
    held: Callable[[str], Checkpoint | None],
) -> Acceptable | Refusal:
    """Judge a request, in the order of C2SP tlog-witness.

    Args:
        submission: as it came.
        logs: keys by the origin of each log that is watched.
        held: returns the checkpoint last cosigned of a log, or None.
    """
    try:
        note = read_note(submission.note)
        offered = _read(note.text)
    except Malformed:
        return Refusal(Reason.MALFORMED)
    keys = logs.get(offered.origin)
    if keys is None:
        return Refusal(Reason.UNKNOWN_LOG)
    try:
        lines = tuple(line for _, line in verified(note, keys))
    except LogInvalid:
        return Refusal(Reason.UNSIGNED)
    last = held(offered.origin) or Checkpoint(offered.origin, 0, EMPTY_ROOT)
    if reason := _objection(submission, offered, last):
        return Refusal(reason, offered.origin, last.size)
    if note.text != write_checkpoint(offered):  # a log without entries, with a root of some
        return Refusal(Reason.INCONSISTENT, offered.origin, last.size)
    return Acceptable(offered, Note(note.text, lines))


def _read(text: bytes) -> Checkpoint:
    """Return the checkpoint in a text; of an empty log whatever root it states.

    A signed empty log with another root is not unreadable, it is evidence.
    """
    origin, _, rest = text.partition(b"\n")
    size, _, root = rest.partition(b"\n")
    if size != b"0":
        return read_checkpoint(text)
    read_base64(_ascii(root.removesuffix(b"\n")), size=HASH_SIZE)
    return read_checkpoint(origin + b"\n0\n" + write_base64(EMPTY_ROOT).encode("ascii") + b"\n")


def _objection(submission: Submission, offered: Checkpoint, last: Checkpoint) -> Reason | None:
    """Return what speaks against a signed head, given the last one cosigned."""
    if submission.old > offered.size:
        return Reason.MALFORMED
    if submission.old != last.size:
        return Reason.STALE
    return None if _continues(submission.proof, offered, last) else Reason.INCONSISTENT


def _continues(proof: Sequence[bytes], offered: Checkpoint, last: Checkpoint) -> bool:
    if last.size == 0:  # everything continues the empty tree; there is nothing to prove
        return not proof
    try:
        verify_consistency(last.size, offered.size, proof, last.root, offered.root)
    except LogInvalid:
        return False
    return True


def _ascii(line: bytes) -> str:
    try:
        return line.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("not a request to a witness") from None
