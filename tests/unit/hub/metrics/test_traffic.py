"""Answers are counted by pattern, and how long they took in classes."""

from exchange.hub.metrics.traffic import BOUNDS, Durations, Traffic


def test_what_took_as_long_as_a_bound_is_below_it() -> None:
    durations = Durations()
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] + 1e-9, BOUNDS[-1], BOUNDS[-1] + 1e-9, 3600.0):
        durations.add(seconds)

    assert durations.counts == [2, 1, 0, 0, 1, 2]
    assert durations.up_to() == [2, 3, 3, 3, 4, 6]
    assert durations.total_s > 3600


def test_bounds_grow() -> None:
    assert sorted(set(BOUNDS)) == list(BOUNDS)


def test_answers_and_problems_are_counted_apart() -> None:
    traffic = Traffic()
    for status, code in ((200, None), (404, "not-found"), (404, "not-found"), (404, None)):
        traffic.count(method="GET", route="/a/{id}", status=status, code=code, seconds=0.1)
    traffic.count(method="HEAD", route="/a/{id}", status=200, code=None, seconds=2)

    assert traffic.answers == {
        ("GET", "/a/{id}", 200): 1,
        ("GET", "/a/{id}", 404): 3,
        ("HEAD", "/a/{id}", 200): 1,
    }
    assert traffic.problems == {"not-found": 2}
    assert {key: sum(one.counts) for key, one in traffic.durations.items()} == {
        ("GET", "/a/{id}"): 4,
        ("HEAD", "/a/{id}"): 1,
    }
