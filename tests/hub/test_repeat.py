"""Repetitions after a lost answer are harmless; an Idempotency-Key is good for one request."""

from exchange.wire import routes
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Simulator

ONE = {"Idempotency-Key": "one"}


async def test_every_repetition_gets_the_first_answer_and_no_second_effect(
    sim: Simulator,
) -> None:
    given = sim.signed_consent(uses="once")
    recorded = [await sim.record(given) for _ in range(2)]
    letter = sim.letter(given.digest)
    stored = [await sim.send(letter) for _ in range(2)]
    collected = [await sim.collect(letter) for _ in range(2)]
    statement = sim.acknowledgement(letter).decode()
    acknowledged = [
        await sim.call(RECIPIENT, routes.ACKNOWLEDGE, id=letter.id, json={"statement": statement})
        for _ in range(2)
    ]
    withdrawal = sim.withdrawal(given, SENDER).decode()
    withdrawn = [
        await sim.call(SENDER, routes.WITHDRAW, id=given.id, json={"statement": withdrawal})
        for _ in range(2)
    ]

    for first, second in (recorded, stored, collected, acknowledged, withdrawn):
        assert first.status < 300
        assert (first.status, first.body) == (second.status, second.body)
    kinds = [event["kind"] for event in await sim.log()]
    assert len(kinds) == len(set(kinds)) + 1  # two parties have signed the agreement


async def test_the_same_key_for_the_same_request_is_fine(sim: Simulator) -> None:
    letter = sim.letter((await sim.consent()).digest)

    answers = [await sim.send(letter, headers=ONE) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]


async def test_the_same_key_for_another_request_is_refused(sim: Simulator) -> None:
    consent = await sim.consent()
    await sim.send(sim.letter(consent.digest), headers=ONE)

    other = await sim.send(sim.letter(consent.digest), headers=ONE)

    assert other.status == 422
    assert other.json["type"].endswith(":key-reused")
    assert len(await sim.inbox()) == 1


async def test_a_key_belongs_to_its_agency(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = sim.letter(consent.digest)
    await sim.send(letter, headers=ONE)

    assert (await sim.collect(letter, headers=ONE)).status == 200
    stranger = await sim.collect(letter, OUTSIDER, headers=ONE)
    assert stranger.status == 404


async def test_a_refused_request_does_not_use_up_its_key(sim: Simulator) -> None:
    await sim.send(sim.letter("A" * 43), headers=ONE)

    answer = await sim.send(sim.letter((await sim.consent()).digest), headers=ONE)

    assert answer.status == 201


async def test_a_key_that_is_none_is_malformed(sim: Simulator) -> None:
    letter = sim.letter((await sim.consent()).digest)

    assert (await sim.send(letter, headers={"Idempotency-Key": "a" * 129})).status == 400
    assert (await sim.send(letter, headers={"Idempotency-Key": "a b"})).status == 400


async def test_a_log_key_is_good_for_one_consent(sim: Simulator) -> None:
    from dataclasses import replace

    first = await sim.consent()
    second = replace(sim.signed_consent(), log_key=first.log_key)

    assert (await sim.record(second)).status == 409
