"""What a witness is asked, and what it answers: one `add-checkpoint` of C2SP tlog-witness.

```
old <size the witness is believed to hold>
<base64 hash>                                   the consistency proof, none to 63 of them
...

<checkpoint, a signed note>
```
The order of the checks is the protocol's: which refusal is answered tells the asker what to do.
Whoever keeps what `assess` accepts must do both as one step: two requests at once would otherwise
roll the witness back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.note import VerifyingKey

MOST_BYTES: Final = 128 * 1024
"""Of one request."""
MOST_HASHES: Final = 63
"""Of one proof: sizes are below 2^63."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A head offered to a witness, and the proof that it continues what the witness holds."""

    old: int
    """Size the witness is believed to hold; 0 if none."""
    proof: tuple[bytes, ...]
    note: bytes
    """The signed checkpoint, verbatim."""


class Refusal(StrEnum):
    """Why a witness does not cosign."""

    MALFORMED = "malformed"
    """Not a request, or older than what it claims to continue."""
    UNKNOWN_LOG = "unknown-log"
    UNSIGNED = "unsigned"
    """No signature of a key of that log, or a known one that is false."""
    STALE = "stale"
    """The witness holds another size than the asker believes; the answer says which."""
    INCONSISTENT = "inconsistent"
    """It does not continue what the witness holds: perhaps evidence, to be kept."""


@dataclass(frozen=True, slots=True)
class Acceptable:
    """A head that continues what the witness holds; nothing is kept and nothing signed yet."""

    checkpoint: Checkpoint
    text: bytes
    """What a cosignature signs."""


def read_submission(data: bytes) -> Submission:
    """Return the parts of a request; nothing in them is verified.

    Raises:
        Malformed: anything else than the form above.
        TooLarge: more than `MOST_BYTES`.
    """
    raise NotImplementedError


def write_submission(submission: Submission) -> bytes:
    """Return the bytes of a request."""
    raise NotImplementedError


def assess(
    submission: Submission,
    logs: Mapping[str, Sequence[VerifyingKey]],
    held: Callable[[str], Checkpoint | None],
) -> Acceptable | Refusal:
    """Judge a request, in the order of C2SP tlog-witness.

    Args:
        submission: as it came.
        logs: keys by the origin of each log that is witnessed.
        held: returns the checkpoint last cosigned of a log, or None.
    """
    raise NotImplementedError
