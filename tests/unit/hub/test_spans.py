"""Stretches of the log that lists were made from."""

from random import Random

from exchange.hub.answers.lost.spans import Spans


def test_stretches_that_touch_become_one() -> None:
    spans = Spans().joined([(7, 9), (1, 3), (3, 5), (4, 4)])

    assert spans.found == ((1, 5), (7, 9))
    assert spans.joined([(5, 7)]).found == ((1, 9),)
    assert spans.joined([]).found == spans.found


def test_it_holds_what_any_of_them_holds_and_slices_leave_nothing_out() -> None:
    random = Random(5)  # noqa: S311 - reproducible
    for _ in range(200):
        some = [(first, first + random.randrange(6)) for first in random.sample(range(60), 6)]
        inside = {index for first, end in some for index in range(first, end)}
        spans = Spans().joined(some)

        assert {index for index in range(80) if spans.holds(index)} == inside
        for behind in (-1, 20, 70):
            slices = [*spans.slices(behind, 4)]
            seen = [index for first, end in slices for index in range(first, end)]
            assert len(seen) == len(set(seen))
            assert all(index > behind for index in seen)
            assert inside & set(seen) == {index for index in inside if index > behind}


def test_gaps_are_jumped_over() -> None:
    spans = Spans().joined([(0, 2), (1_000_000, 1_000_002)])

    assert [*spans.slices(-1, 500)] == [(0, 500), (1_000_000, 1_000_500)]
    assert [*spans.slices(1_000_001, 500)] == []
    assert [*Spans().slices(-1, 500)] == []
    assert not Spans().holds(0)
