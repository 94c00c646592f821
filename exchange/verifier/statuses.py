"""Step 7: status notes, an export's own and others, against the log and known withdrawals.

A note says that a consent had not ended, and over which tree it was signed. False it is by a root
that this tree never had, and by a withdrawal that was in that tree already or came earlier.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.note import LARGEST_NOTE
from exchange.audit.policy import Policy, status_keys
from exchange.audit.proof import Proven
from exchange.audit.status import (
    Status,
    Withdrawal,
    lie_in,
    read_status,
    withdrawal_of,
)
from exchange.errors import LogInvalid, Malformed, TooLarge
from exchange.verifier.files import Files, read
from exchange.verifier.heads import Kept
from exchange.verifier.report import Check, broken, good, numbered, unchecked

FOLDER: Final = "status"
"""Of an export: the notes under which its documents were released."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A note whose signature verified."""

    name: str
    status: Status


def withdrawals_in(receipts: Iterable[Proven]) -> list[Withdrawal]:
    """Return the withdrawals that receipts prove; other receipts prove none."""
    found = list[Withdrawal]()
    for one in receipts:
        try:
            found.append(withdrawal_of(one.head.checkpoint.origin, one.index, one.opening))
        except LogInvalid:
            continue
    return found


class Statuses:
    """Status notes, and what they are held against as it becomes known."""

    def __init__(self, policy: Policy, given: Sequence[Kept]) -> None:
        """Take who is believed, and the notes that somebody holds beside a log."""
        self._keys = status_keys(policy)
        self._given = [self._judged(kept) for kept in given]
        self._own = list[_Said]()
        self._false: Check | None = None
        """The first note of the export that is none, or that was changed."""
        self._foreign = 0
        """How many notes of the export nobody signed who is believed."""
        self._withdrawn = dict[tuple[str, str], list[Withdrawal]]()
        self._roots = dict[tuple[str, int], bytes]()

    async def find(self, files: Files) -> None:
        """Take the notes of an export along; a log in the web has none."""
        try:
            for name in files.names(FOLDER):
                path = f"{FOLDER}/{name}"
                self._take(Kept(path, await read(files, path, limit=LARGEST_NOTE)))
        except (Malformed, TooLarge) as error:
            self._false = broken(7, "status", str(error))

    def sizes(self, head: Checkpoint) -> set[int]:
        """Return the sizes, no larger than `head`, at which a note names a root of its log."""
        given = (one for one in self._given if isinstance(one, _Said))
        said = (one.status for one in (*self._own, *given))
        return {one.size for one in said if one.origin == head.origin and one.size <= head.size}

    def compare(self, origin: str, roots: Mapping[int, bytes]) -> None:
        """Take the roots of a log by size, computed from its entries."""
        self._roots |= {(origin, size): root for size, root in roots.items()}

    def learn(self, withdrawals: Iterable[Withdrawal]) -> None:
        """Take withdrawals that were shown to be logged."""
        for one in withdrawals:
            self._withdrawn.setdefault((one.origin, one.consent), []).append(one)

    def checks(self) -> list[Check]:
        """Return what was found: one check for the notes of the export, one for each other."""
        given = [self._held(one) if isinstance(one, _Said) else one for one in self._given]
        return [*self._exported(), *given]

    def _take(self, kept: Kept) -> None:
        try:
            status = self._read(kept.note)
        except (LogInvalid, Malformed) as wrong:
            self._false = self._false or _nothing(kept, str(wrong))
            return
        if status is None:
            self._foreign += 1
        else:
            self._own.append(_Said(kept.name, status))

    def _judged(self, kept: Kept) -> _Said | Check:
        """Return what a note says that somebody holds, or why it says nothing."""
        try:
            status = self._read(kept.note)
        except (LogInvalid, Malformed) as wrong:
            return _nothing(kept, str(wrong))
        if status is not None:
            return _Said(kept.name, status)
        if self._keys:
            return _nothing(kept, self._unknown())
        return unchecked(7, "status", self._unknown())

    def _read(self, note: bytes) -> Status | None:
        """Return what a note says; None if nobody has signed it who is believed.

        Raises:
            LogInvalid, Malformed: it is none, or a signature is false.
        """
        for key in self._keys:
            try:
                return read_status(note, key)
            except LogInvalid as refused:
                if refused.what != "note-unsigned":
                    raise
        return None

    def _unknown(self) -> str:
        if self._keys:
            return "signed by no key of status notes that the policy names"
        return "no key of status notes is known: give --policy FILE"

    def _exported(self) -> list[Check]:
        """Judge the notes of the export: the first fault, or one line about all."""
        wrong = self._false or next(filter(None, map(self._fault, self._own)), None)
        if wrong is not None:
            return [wrong]
        if self._foreign:
            count = numbered(self._foreign, "note", "notes")
            return [unchecked(7, "status", f"{count} in {FOLDER}/: {self._unknown()}")]
        if not self._own:
            return []
        count = numbered(len(self._own), "note", "notes")
        said = f"{count} in {FOLDER}/: none over another tree, none after a withdrawal"
        beyond = sum((one.status.origin, one.status.size) not in self._roots for one in self._own)
        return [good(7, "status", f"{said}; {beyond:,} over a tree not here" if beyond else said)]

    def _held(self, said: _Said) -> Check:
        """Judge a note that somebody holds."""
        wrong = self._fault(said)
        if wrong is not None:
            return wrong
        withdrawn = self._withdrawals(said.status)
        if withdrawn:
            return good(7, "status", f"{_active(said)}; {_ended(withdrawn[0])}")
        return unchecked(7, "status", f"{said.name}: its consent's withdrawal is not shown here")

    def _fault(self, said: _Said) -> Check | None:
        """Return how a note convicts the hub, if it does."""
        status = said.status
        if self._roots.get((status.origin, status.size), status.root) != status.root:
            size = numbered(status.size, "entry", "entries")
            return broken(7, "status", f"split view: {said.name} has another tree of {size}")
        for one in self._withdrawals(status):
            if lie_in(status, one) is not None:
                text = f"the hub has lied: {_active(said)}; {_ended(one)}"
                return broken(7, "status", text, (one.index, one.index))
        return None

    def _withdrawals(self, status: Status) -> list[Withdrawal]:
        return self._withdrawn.get((status.origin, status.consent), [])


def _nothing(kept: Kept, why: str) -> Check:
    return broken(7, "status", f"{kept.name} proves nothing: {why}")


def _active(said: _Said) -> str:
    at = f"{datetime.fromtimestamp(said.status.at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    size = numbered(said.status.size, "entry", "entries")
    return f"{said.name} calls the consent active at {at}, in a log of {size}"


def _ended(withdrawn: Withdrawal) -> str:
    return f"its withdrawal is entry {withdrawn.index}, of {withdrawn.at}"
