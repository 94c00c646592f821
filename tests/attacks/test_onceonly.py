"""A41: more disclosures than a consent has uses; uses given back more often than taken."""

import asyncio

import pytest

from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, Parties
from tests.simulator import RECIPIENT, SENDER, Given

pytestmark = pytest.mark.gate


async def used(parties: Parties, given: Given) -> int:
    found = await parties.call(COLLECTOR, routes.GET_CONSENT, id=given.id)
    count: int = found.json["used"]
    return count


@pytest.mark.parametrize(("uses", "expected"), [("once", 1), (7, 7), ("recurring", 50)])
async def test_fifty_at_once_use_a_consent_as_often_as_it_says(
    parties: Parties, uses: object, expected: int
) -> None:
    consent = await parties.consent(uses=uses)
    letters = [parties.letter(consent.digest) for _ in range(50)]

    answers = await asyncio.gather(*(parties.send(letter) for letter in letters))

    statuses = sorted(answer.status for answer in answers)
    assert statuses == [201] * expected + [403] * (50 - expected)
    assert await used(parties, consent) == expected
    assert await parties.count("disclosures") == expected
    assert await parties.count("headers") == expected


async def test_the_same_document_twenty_times_at_once_is_one_use(parties: Parties) -> None:
    consent = await parties.consent(uses="once")
    letter = parties.letter(consent.digest)

    answers = await asyncio.gather(*(parties.send(letter) for _ in range(8)))

    assert {answer.status for answer in answers} == {201}
    assert await used(parties, consent) == 1
    assert len(await parties.log("disclosure-stored")) == 1
    payloads = [path for path in (parties.home / "payloads").rglob("*") if path.is_file()]
    assert len(payloads) == 1


async def test_a_use_comes_back_once_however_often_it_is_given_back(parties: Parties) -> None:
    consent = await parties.consent(uses=2)
    first, second = await parties.sent(consent), await parties.sent(consent)
    lost = {"result": "rejected", "reason": "key-lost"}
    statement = parties.acknowledgement(first, **lost).decode()

    answers = await asyncio.gather(
        *(
            parties.call(RECIPIENT, routes.ACKNOWLEDGE, id=first.id, json={"statement": statement})
            for _ in range(5)
        ),
        *(parties.call(SENDER, routes.RECALL, id=second.id) for _ in range(5)),
        *(parties.withdraw(consent, COLLECTOR) for _ in range(3)),
    )

    assert {answer.status for answer in answers} <= {200, 404, 409}
    assert await used(parties, consent) in {0, 1}
    before = await used(parties, consent)
    for _ in range(3):
        await parties.withdraw(consent, COLLECTOR)
        await parties.call(SENDER, routes.RECALL, id=second.id)
        await parties.acknowledge(first, **lost)
    assert await used(parties, consent) == before >= 0


async def test_a_store_while_a_rejection_gives_the_use_back_never_makes_two(
    parties: Parties,
) -> None:
    consent = await parties.consent(uses="once")
    first = await parties.sent(consent)
    letters = [parties.letter(consent.digest) for _ in range(6)]
    rejection = parties.acknowledge(first, result="rejected", reason="key-lost")

    answers = await asyncio.gather(*(parties.send(one) for one in letters), rejection)

    assert answers[-1].status == 200
    stored = [answer.status for answer in answers[:-1]].count(201)
    assert stored <= 1
    assert await used(parties, consent) == stored
