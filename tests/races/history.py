"""Whether what clients were told about one consent could have happened one after the other.

Independent of the product. A history is linearizable if each operation can be given one moment
between its call and its answer, so that what was answered is right in the order of the moments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

NEVER = inf
"""When an operation was answered whose outcome nobody was told."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of one client, with times of one clock."""

    ends: bool
    """A withdrawal; otherwise something that only a valid consent allows."""
    called: float
    answered: float
    granted: bool | None
    """What was answered; None if nobody was told: it may have happened at any time, or not."""


def is_linearizable(history: Sequence[Operation]) -> bool:
    """Search an order of `history` in which a valid consent ends once and allows nothing after."""
    dead: set[tuple[frozenset[int], bool]] = set()

    def search(left: frozenset[int], ended: bool) -> bool:
        if not left or all(history[one].granted is None for one in left):
            return True
        if (left, ended) in dead:
            return False
        earliest = min(history[one].answered for one in left)
        for one in left:
            operation = history[one]
            if (
                operation.called <= earliest
                and (after := _applied(operation, ended=ended)) is not None
            ):
                if search(left - {one}, after):
                    return True
                if operation.granted is None and search(left - {one}, ended):
                    return True
        dead.add((left, ended))
        return False

    return search(frozenset(range(len(history))), False)


def _applied(operation: Operation, *, ended: bool) -> bool | None:
    """Return whether the consent has ended afterwards; None if the answer contradicts that."""
    if operation.granted is None:
        return ended or operation.ends
    if operation.ends:
        return True if operation.granted else None
    return ended if operation.granted is not ended else None
