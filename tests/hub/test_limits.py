"""Rates and numbers of one caller: buckets that fill with time, and what is never refused."""

import pytest

from exchange.errors import NotFound, NotPermitted, TooMany
from exchange.hub.http import limits
from exchange.hub.http.limits import Limits, Rate, UnderWay, denials_counted, within
from exchange.hub.settings import AgencyLimits, TokenLimits
from tests.simulator import SENDER, Simulator


class Watch:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_fills_with_time_and_belongs_to_one_caller() -> None:
    watch = Watch()
    rate = Rate(2, 4, watch)

    for _ in range(4):
        within(rate, "a")
    assert rate.empty("a")
    with pytest.raises(TooMany):
        within(rate, "a")
    within(rate, "b")
    assert rate.take("a") == pytest.approx(0.5)
    watch.now += 0.5

    within(rate, "a")
    watch.now += 1000
    assert [rate.take("a") for _ in range(5)][:4] == [0, 0, 0, 0]


def test_who_must_not_be_refused_waits_its_turn() -> None:
    watch = Watch()
    rate = Rate(1, 2, watch)

    assert [rate.owe("a") for _ in range(4)] == [0, 0, 1, 2]


def test_callers_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CALLERS", 10)
    watch = Watch()
    rate = Rate(1, 2, watch)
    for number in range(11):
        rate.take(str(number))
    watch.now += 10

    rate.take("late")

    assert len(rate._levels) <= 2


def test_things_under_way_are_counted_down_whatever_happens() -> None:
    under_way = UnderWay(1)

    def fail() -> None:
        with under_way.one("a"), under_way.one("b"):
            with pytest.raises(TooMany):
                under_way.one("a").__enter__()
            raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        fail()

    with under_way.one("a"):
        pass


def test_after_too_many_denials_the_gate_is_not_asked() -> None:
    watch = Watch()
    found = Limits(AgencyLimits(denials_per_minute=2), TokenLimits(), watch)
    asked = []

    def ask(error: type[Exception] | None) -> None:
        with denials_counted(found, "a"):
            asked.append(error)
            if error is not None:
                raise error

    with pytest.raises(NotPermitted):
        ask(NotPermitted)
    with pytest.raises(NotFound):
        ask(NotFound)
    with pytest.raises(TooMany):
        ask(None)
    watch.now += 30
    ask(None)

    assert asked == [NotPermitted, NotFound, None]


async def test_withdrawals_are_not_refused_for_their_number(sim: Simulator) -> None:
    for _ in range(3):
        sim.front.limits.requests.owe(SENDER)
    while not sim.front.limits.requests.empty(SENDER):
        sim.front.limits.requests.owe(SENDER)
    refused = await sim.ask(SENDER, "A" * 43)
    sim.ticks += 1000
    consent = await sim.consent()
    while not sim.front.limits.requests.empty(SENDER):
        sim.front.limits.requests.owe(SENDER)

    assert refused.status == 429
    assert (await sim.withdraw(consent, SENDER)).status == 200
