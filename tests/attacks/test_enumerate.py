"""A35: guessing. Ids are random; denials and questions are rationed, per caller."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from exchange.wire import routes
from tests.attacks.parties import Parties
from tests.simulator import OUTSIDER, RECIPIENT, SENDER

pytestmark = pytest.mark.authz


async def test_after_sixty_denials_in_a_minute_the_gate_is_not_asked_any_more(
    tmp_path: Path,
) -> None:
    parties = Parties(tmp_path, agency={"burst": 10_000})
    async with parties.running():
        await parties.arrange()
        world = await parties.world("stored")
        statuses = [
            (await parties.call(OUTSIDER, routes.COLLECT, id=str(uuid4()))).status
            for _ in range(70)
        ]
        left = await parties.leaves()
        disclosed = await parties.send(parties.letter("A" * 43, sender=OUTSIDER), OUTSIDER)

        assert statuses == [404] * 60 + [429] * 10
        assert disclosed.status == 429
        assert await parties.leaves() == left
        # Others are not concerned, and the caller itself is forgiven.
        assert (await parties.collect(world.letter)).status == 200
        parties.ticks += 60
        assert (await parties.call(OUTSIDER, routes.COLLECT, id=str(uuid4()))).status == 404


async def test_denials_of_every_route_count_together(tmp_path: Path) -> None:
    parties = Parties(tmp_path, agency={"denials_per_minute": 4, "decisions": 1000})
    async with parties.running():
        await parties.arrange()
        letter = parties.letter("A" * 43)
        assert (await parties.send(letter)).status == 403
        assert (await parties.announce(letter)).status == 403
        assert (await parties.ask(SENDER, "A" * 43)).status == 403
        assert (await parties.collect(letter, SENDER)).status == 404
        for answer in (
            await parties.send(letter),
            await parties.announce(letter),
            await parties.ask(SENDER, "A" * 43),
            await parties.collect(letter, SENDER),
        ):
            assert answer.status == 429


async def test_questions_are_rationed_also_those_that_get_a_yes(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    async with parties.running():
        await parties.arrange()
        consent = await parties.consent()
        found = [(await parties.ask(SENDER, consent.digest)).status for _ in range(12)]
        assert found == [200] * 10 + [429] * 2
        parties.ticks += 1
        assert (await parties.ask(SENDER, consent.digest)).status == 200


async def test_what_the_hub_names_is_named_at_random(parties: Parties) -> None:
    first = await parties.world("withdrawn, collected")
    second = await parties.world("withdrawn, collected")
    ids = [UUID(first.erasure), UUID(second.erasure)]
    rows = await parties.rows("SELECT rid FROM log_event UNION SELECT blob FROM disclosures")

    assert {found.version for found in ids} == {4}
    assert ids[0].bytes[:4] != ids[1].bytes[:4]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    "name",
    ["0", "1", "not-a-uuid", "*", "%2a", "%25", "null", "00000000-0000-0000-0000-000000000000"],
)
async def test_an_id_that_cannot_be_is_an_id_that_is_not(parties: Parties, name: str) -> None:
    for operation in (routes.GET_CONSENT, routes.GET_DISCLOSURE, routes.COLLECT):
        absent = await parties.call(RECIPIENT, operation, id=str(uuid4()))
        guessed = await parties.call(RECIPIENT, operation, id=name)
        assert guessed.status == 404
        assert guessed.face == absent.face
