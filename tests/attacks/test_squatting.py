"""A43: an id that somebody else uses, or used first."""

import pytest

from tests.attacks.parties import COLLECTOR, Parties
from tests.simulator import OUTSIDER, RECIPIENT, SENDER

pytestmark = pytest.mark.gate


async def test_a_foreign_sender_cannot_use_an_id_it_has_seen(parties: Parties) -> None:
    world = await parties.world("stored")
    before = await parties.tables()
    for caller in (RECIPIENT, OUTSIDER, COLLECTOR):
        to = SENDER if caller == RECIPIENT else RECIPIENT
        letter = parties.letter(
            world.consent.digest, sender=caller, recipient=to, id=world.letter.id
        )
        assert (await parties.send(letter, caller)).status == 403
        assert (await parties.announce(letter, caller)).status == 403
    after = await parties.tables()
    assert {name for name in after if after[name] != before.get(name)} == {
        "log_event",
        "leaves",
    }
    assert (await parties.collect(world.letter)).status == 200


async def test_a_changed_manifest_under_the_same_id_is_a_conflict_and_changes_nothing(
    parties: Parties,
) -> None:
    world = await parties.world("stored")
    for members in ({"iat": world.letter.sealed and 1772532001}, {"purpose": "housing-loss"}):
        changed = parties.letter(world.consent.digest, id=world.letter.id, **members)
        assert (await parties.send(changed)).status == 409
    found = await parties.inbox()
    assert [entry["disclosure"]["statement"].encode() for entry in found] == [world.letter.manifest]


async def test_the_same_document_under_a_new_id_is_a_new_disclosure(parties: Parties) -> None:
    consent = await parties.consent(uses="once")
    await parties.sent(consent)

    assert (await parties.send(parties.letter(consent.digest))).status == 403


async def test_a_consent_cannot_be_recorded_over_another(parties: Parties) -> None:
    given = await parties.consent()
    for members in ({"collected_by": COLLECTOR, "uses": 7}, {"collected_by": SENDER}):
        other = parties.signed_consent(id=given.id, **members)
        answer = await parties.record(other, str(members["collected_by"]))
        assert answer.status in {409, 422}
    assert await parties.count("consents") == 1
