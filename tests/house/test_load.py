"""tests.bench.arrivals: what the load generator says of latencies can be believed."""

import asyncio
import time

import pytest

from tests.bench.arrivals import Histogram, Saturated, moments, open_loop
from tests.bench.load import parsed


def test_quantiles_are_right_to_two_percent() -> None:
    histogram = Histogram()
    for thousandth in range(1, 1001):
        histogram.record(thousandth / 1000)
    assert histogram.quantile(0.5) == pytest.approx(0.5, rel=0.03)
    assert histogram.quantile(0.99) == pytest.approx(0.99, rel=0.03)
    assert histogram.quantile(1.0) == 1.0


def test_memory_does_not_grow_and_nothing_is_out_of_range() -> None:
    histogram = Histogram()
    for latency in (0.0, 1e-9, 1e4):
        histogram.record(latency)
    assert (histogram.count, histogram.longest_s) == (3, 1e4)


def test_arrivals_keep_the_rate_on_average_or_exactly() -> None:
    assert list(moments(4, 1.1, "even")) == [0.25, 0.5, 0.75, 1.0]
    drawn = list(moments(1000, 20, "poisson"))
    assert drawn == sorted(drawn)
    assert len(drawn) == pytest.approx(20_000, rel=0.1)  # 14 standard deviations


async def test_who_waits_behind_a_stall_is_counted_from_when_it_was_due() -> None:
    histogram = Histogram()
    stalled = asyncio.Lock()

    async def one(intended: float) -> None:
        async with stalled:  # a server that does one thing at a time, and first stops for a while
            if not histogram.count:
                await asyncio.sleep(0.3)
            histogram.record(time.perf_counter() - intended)

    await open_loop(moments(100, 0.25, "even"), one)
    assert histogram.count == 24
    # All but the first were due while it stood still; from their own start they took no time.
    assert histogram.quantile(0.1) >= 0.05


async def test_a_hub_that_cannot_keep_up_is_not_asked_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.bench.arrivals.OUTSTANDING", 3)

    async def never(_intended: float) -> None:
        await asyncio.sleep(60)

    with pytest.RaisesGroup(Saturated):
        await open_loop(moments(1000, 1, "even"), never)


async def test_what_fails_ends_the_run() -> None:
    async def fails(_intended: float) -> None:
        raise LookupError

    with pytest.RaisesGroup(LookupError):
        await open_loop(iter([0.0]), fails)


def test_a_mix_names_ways_and_shares() -> None:
    assert parsed(["--mix", "one-shot=3,tus=1"]).mix == {"one-shot": 3, "tus": 1}


@pytest.mark.parametrize("mix", ["by-pigeon=1", "tus", "tus=x"])
def test_another_way_is_refused(mix: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(["--mix", mix])
    assert "one-shot=8" in capsys.readouterr().err
