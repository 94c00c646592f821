"""The one act of a witness: a head that continues what is remembered is remembered, then signed.

Checking and remembering are one step under one lock; the cosignature is made after the file is
durable. A crash in between leaves a head remembered that nobody has a cosignature of: it is asked
for again and given with a new time.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from exchange.audit.checkpoint import Checkpoint, read_checkpoint
from exchange.audit.cosignature import cosign, time_of
from exchange.audit.head import read_signed
from exchange.audit.note import (
    Line,
    Note,
    SigningKey,
    VerifyingKey,
    read_note,
    verifying,
    write_note,
)
from exchange.audit.submission import Acceptable, Reason, Refusal, assess, read_submission
from exchange.errors import LogInvalid, Malformed, Misconfigured, TooLarge, Unavailable
from exchange.witness.memory import Memory, file_name

Logs: TypeAlias = Mapping[str, Sequence[VerifyingKey]]
"""Keys by origin: any one of them signs for its log."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A head that this witness vouches for."""

    checkpoint: Checkpoint
    note: Note
    """Its text with the log's signatures, and the cosignature as last line."""

    @property
    def line(self) -> Line:
        """The cosignature."""
        return self.note.lines[-1]


class Cosigner:
    """One witness: its key, the logs it watches, and what it remembers of them."""

    def __init__(
        self, key: SigningKey, logs: Logs, memory: Memory, clock: Callable[[], datetime]
    ) -> None:
        """Take what was remembered, and check that it can be relied on.

        Args:
            key: of type 0x04; used under no other name.
            logs: that are watched.
            memory: locked for this program.
            clock: aware moment of now.

        Raises:
            Misconfigured: what is remembered of a log is damaged, or not signed by its keys.
        """
        self._key = key
        self._logs = logs
        self._memory = memory
        self._clock = clock
        self._names = {file_name(origin): origin for origin in logs}
        self._one_at_a_time = threading.Lock()
        self._newest = max((self._checked(origin) for origin in logs), default=0)

    def add(self, raw: bytes) -> Cosigned | Refusal:
        """Judge a request; remember and cosign its head if it continues what is remembered.

        Blocks for one sync of the disk. Any number of threads may call it.

        Raises:
            Unavailable: the clock is behind the last cosignature.
            OSError: it could not be remembered; nothing was signed.
        """
        try:
            submission = read_submission(raw)
        except (Malformed, TooLarge):
            return Refusal(Reason.MALFORMED)
        with self._one_at_a_time:
            judged = assess(submission, self._logs, self.last)
            if isinstance(judged, Acceptable):
                return self._sign(judged)
            if judged.reason is Reason.INCONSISTENT:
                self._memory.convict(judged.origin, self._both(judged.origin, raw))
            return judged

    def last(self, origin: str) -> Checkpoint | None:
        """Return the checkpoint last cosigned of a log."""
        note = self._memory.last(origin)
        return None if note is None else read_checkpoint(read_note(note).text)

    def note(self, origin: str) -> bytes | None:
        """Return the note last cosigned of a log: signed by the log and by this witness."""
        return self._memory.last(origin)

    def note_named(self, name: str) -> bytes | None:
        """Return the same by the hex SHA-256 of the log's origin; None for one not watched."""
        origin = self._names.get(name)
        return None if origin is None else self._memory.last(origin)

    def convict(self, origin: str, note: bytes) -> None:
        """Keep a note that contradicts what is remembered, beside what it contradicts."""
        with self._one_at_a_time:
            self._memory.convict(origin, self._both(origin, note))

    def _sign(self, judged: Acceptable) -> Cosigned:
        now = int(self._clock().timestamp())
        if now < self._newest:
            raise Unavailable("the clock is behind the last cosignature; set it right")
        line = cosign(judged.note.text, self._key, now)
        note = Note(judged.note.text, (*judged.note.lines, line))
        # Durable on return; before, and after an error, the one before is remembered or this one,
        # and nobody has this cosignature. Asked again, the witness goes on from what is there.
        self._memory.keep(judged.checkpoint.origin, write_note(note))
        self._newest = now
        return Cosigned(judged.checkpoint, note)

    def _both(self, origin: str, offered: bytes) -> bytes:
        return (self._memory.last(origin) or b"") + b"\n" + offered

    def _checked(self, origin: str) -> int:
        """Return the time of our cosignature on what is remembered of a log; 0 for none."""
        remembered = self._memory.last(origin)
        if remembered is None:
            return 0
        try:
            note = read_signed(remembered, self._logs[origin]).note
        except (Malformed, LogInvalid):
            raise Misconfigured(
                f"what is remembered of {origin} is damaged, or signed by a key that is not "
                f"given; the file is {file_name(origin)}"
            ) from None
        own = verifying(self._key)
        return max((time_of(line) for line in note.lines if line.key_id == own.id), default=0)
