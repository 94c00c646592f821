"""A77: two withdrawals at once, by code and by office; the code is revoked meanwhile."""

import asyncio

import pytest

from exchange.hub.withdraw import Withdrawn
from exchange.hub.withdraw_by_person import withdraw_by_code
from tests.person import consent_with_code, reissue
from tests.simulator import RECIPIENT, Simulator

pytestmark = pytest.mark.person


async def test_many_at_once_make_one_end_and_everybody_is_answered(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    await sim.collect(await sim.sent(given))

    by_code, by_office = await asyncio.gather(
        asyncio.gather(*(withdraw_by_code(sim.hub, code) for _ in range(10))),
        asyncio.gather(*(sim.withdraw(given, RECIPIENT) for _ in range(10))),
    )

    (withdrawn,) = set(by_code)
    assert withdrawn is not None
    assert withdrawn.receipt is not None
    assert withdrawn == Withdrawn(given.digest, sim.now, withdrawn.receipt)
    assert {answer.status for answer in by_office} == {200}
    assert len(await sim.log("consent-withdrawn")) == 1
    assert len(await sim.log("erasure-asked")) == 1


async def test_a_code_that_is_revoked_meanwhile_withdraws_or_opens_nothing(
    sim: Simulator,
) -> None:
    given, code = await consent_with_code(sim)

    done, revoked = await asyncio.gather(withdraw_by_code(sim.hub, code), reissue(sim, given))

    assert revoked.status == 200
    ended = await sim.log("consent-withdrawn")
    assert len(ended) == (0 if done is None else 1)
    assert await withdraw_by_code(sim.hub, code) is None
