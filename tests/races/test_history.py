"""The judge of the races is judged first."""

import pytest

from tests.races.history import NEVER, Operation, is_linearizable


def collected(called: float, answered: float) -> Operation:
    return Operation(False, called, answered, True)


def refused(called: float, answered: float) -> Operation:
    return Operation(False, called, answered, False)


def withdrawn(called: float, answered: float) -> Operation:
    return Operation(True, called, answered, True)


def unknown(called: float, *, ends: bool) -> Operation:
    return Operation(ends, called, NEVER, None)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [collected(0, 1), withdrawn(2, 3), refused(4, 5)],
        [withdrawn(0, 9), collected(1, 2), refused(3, 4), refused(5, 6)],
        [withdrawn(0, 3), withdrawn(1, 2), refused(4, 5)],
        [collected(0, 1), unknown(2, ends=True), collected(3, 4), refused(5, 6)],
        [unknown(0, ends=False), withdrawn(1, 2)],
        [unknown(0, ends=True), collected(1, 2)],
    ],
)
def test_what_can_be_put_in_order_passes(history: list[Operation]) -> None:
    assert is_linearizable(history)


@pytest.mark.parametrize(
    "history",
    [
        [withdrawn(0, 1), collected(2, 3)],
        [refused(0, 1)],
        [refused(0, 1), withdrawn(2, 3)],
        [withdrawn(0, 9), refused(1, 2), collected(3, 4)],
        [Operation(True, 0, 1, False)],
        [unknown(0, ends=True), refused(1, 2), collected(3, 4)],
    ],
)
def test_what_cannot_be_put_in_order_does_not(history: list[Operation]) -> None:
    assert not is_linearizable(history)
