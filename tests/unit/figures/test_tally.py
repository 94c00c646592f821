"""exchange.figures.tally."""

import pytest

from exchange.errors import Malformed
from exchange.figures.measure import Count, Place, Wait
from exchange.figures.period import month
from exchange.figures.tally import Happened, read_tally, tally, write_tally

HERE = Place("debt", "letter", "a>b")
THERE = Place("debt", "note", "a>b")


def test_what_happened_is_counted_by_place_and_consent() -> None:
    found = tally(
        month(2026, 3),
        [
            Happened(Count.STORED, HERE, 7),
            Happened(Count.STORED, HERE, 7),
            Happened(Count.STORED, THERE, 8),
            Happened(Wait.COLLECT, HERE, 8, 90),
            Happened(Wait.COLLECT, HERE, 7, 60),
        ],
    )
    assert found.counts == {Count.STORED: {HERE: {7: 2}, THERE: {8: 1}}}
    assert found.waits == {Wait.COLLECT: {HERE: ((7, 60), (8, 90))}}
    assert read_tally(write_tally(found)) == found


@pytest.mark.parametrize(
    "stored",
    [
        b'{"rows":[]}',
        b'{"month":"2026-03","rows":[["stored","debt","letter"]]}',
        b'{"month":"2026-03","rows":[["stored","debt","letter","a>b",1]]}',
        b'{"month":"2026-03","rows":[["lost","debt","letter","a>b",1,2]]}',
        b'{"month":"2026-03","rows":3}',
    ],
)
def test_a_tally_that_was_not_written_here_is_refused(stored: bytes) -> None:
    with pytest.raises(Malformed):
        read_tally(stored)
