"""exchange.figures.guard: what may go out beside what is out."""

from exchange.figures.guard import guard

MANY = [frozenset(range(cell * 10, cell * 10 + 9)) for cell in range(4)]
"""Four cells with nine consents each, none in two of them."""


def cells(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


def test_a_sum_over_many_consents_goes_out() -> None:
    assert guard(MANY, []).admits(cells(0, 1))


def test_a_sum_over_few_consents_stays_in_whatever_it_counts() -> None:
    assert not guard([frozenset({1, 2, 3, 4})], []).admits(cells(0))
    assert not guard([frozenset()], []).admits(cells(0)), "zero is not told from four"


def test_the_same_consents_in_two_cells_are_counted_once() -> None:
    same = frozenset({1, 2, 3})
    assert not guard([same, same], []).admits(cells(0, 1))
    assert guard([same, frozenset({4, 5})], []).admits(cells(0, 1))


def test_what_follows_from_what_is_out_may_go_out() -> None:
    out = guard(MANY, []).publish(cells(0)).publish(cells(1))
    assert out.admits(cells(0, 1))
    assert out.publish(cells(0, 1)) == out


def test_a_difference_of_few_consents_keeps_the_larger_and_the_smaller_in() -> None:
    whose = [*MANY[:2], frozenset({91, 92})]
    assert not guard(whose, []).publish(cells(0, 1)).admits(cells(0, 1, 2))
    assert not guard(whose, []).publish(cells(0, 1, 2)).admits(cells(0, 1))


def test_a_difference_that_takes_three_figures_is_found() -> None:
    whose = [*MANY[:3], frozenset({91})]
    out = guard(whose, []).publish(cells(0, 1)).publish(cells(2))
    assert not out.admits(cells(0, 1, 2, 3))


def test_a_difference_of_sums_that_only_overlap_is_found() -> None:
    # A row and a column that share all but one small cell each.
    whose = [MANY[0], frozenset({91, 92}), frozenset({93})]
    assert not guard(whose, []).publish(cells(0, 1)).admits(cells(0, 2))


def test_a_secret_that_three_sums_would_betray_keeps_the_last_in() -> None:
    # The first two sums less the third are cells 0 and 1, though each difference of two sums has
    # many consents behind it.
    whose = [frozenset({1, 2}), frozenset({3, 4}), *MANY[2:]]
    sums = (cells(0, 2), cells(1, 3), cells(2, 3))
    for last in sums:
        out = guard(whose, [cells(0, 1)])
        for one in sums:
            out = out if one == last else out.publish(one)
        assert not out.admits(last)
    without_secret = guard(whose, []).publish(sums[0]).publish(sums[1])
    assert without_secret.admits(sums[2])
