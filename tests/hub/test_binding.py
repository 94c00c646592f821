"""Accepting without the notice on purpose and secrecy: refused where it is due (§ 78 SGB X)."""

from typing import Any

import pytest

from exchange.canonical import sha256_hex
from exchange.consent import binding
from exchange.consent.decision import Asked
from exchange.vocabulary import Secrecy
from tests import samples
from tests.simulator import NOW, RECIPIENT, SENDER, Letter, Simulator


def notice(sim: Simulator, **members: Any) -> str:
    """Return the digest of the notice for the simulator's letter, or for another disclosure."""
    given: dict[str, Any] = {
        "consent": "",
        "sender": SENDER,
        "recipients": frozenset({RECIPIENT}),
        "purpose": "housing-loss",
        "category": "rent-arrears-letter",
        "secrecy": Secrecy.PROFESSIONAL,
        "exp": NOW,
        **members,
    }
    return sha256_hex(binding.notice(Asked(**given), sim.scope, lang="de"))


async def collected(sim: Simulator, *, body: str) -> Letter:
    """Let the recipient have another legal class, and collect a letter."""
    drafter, *others = samples.AGREEMENT["parties"]
    await sim.agree(parties=[drafter | {"body": body}, *others])
    letter = sim.letter((await sim.consent()).digest)
    await sim.send(letter)
    await sim.collect(letter)
    return letter


async def test_it_is_accepted_with_the_digest_of_the_notice(sim: Simulator) -> None:
    letter = await collected(sim, body="public")

    accepted = await sim.acknowledge(letter, purpose_binding=notice(sim))

    assert accepted.json["state"] == "acknowledged"


@pytest.mark.parametrize(
    "other",
    [None, {"sender": RECIPIENT}, {"purpose": "energy-debt"}, {"secrecy": Secrecy.SOCIAL}],
    ids=["none", "another sender", "another purpose", "another class"],
)
async def test_it_is_not_accepted_without_this_very_notice(
    sim: Simulator, other: dict[str, Any] | None
) -> None:
    letter = await collected(sim, body="public")
    stated = {} if other is None else {"purpose_binding": notice(sim, **other)}

    refused = await sim.acknowledge(letter, **stated)

    assert (refused.status, refused.json["type"].rpartition(":")[2]) == (
        422,
        "statement-not-acceptable",
    )
    assert (await sim.log())[-1]["kind"] == "disclosure-collected"
    assert (await sim.collect(letter)).status == 200


@pytest.mark.parametrize("result", ["rejected", "quarantined"])
async def test_who_takes_nothing_confirms_nothing(sim: Simulator, result: str) -> None:
    letter = await collected(sim, body="public")

    answered = await sim.acknowledge(letter, result=result, reason="malformed")

    assert answered.json["state"] == "acknowledged"


async def test_a_body_bound_by_law_confirms_none(sim: Simulator) -> None:
    letter = await collected(sim, body="sgb35")

    assert (await sim.acknowledge(letter, purpose_binding=notice(sim))).status == 422
    assert (await sim.acknowledge(letter)).status == 200
