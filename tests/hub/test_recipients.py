"""Several recipients, one direction: everybody sees what is addressed to it, one end for all."""

from typing import Any

import pytest

from exchange.hub.view_consent import view
from exchange.hub.withdraw_by_person import withdraw_by_code
from exchange.statement import seconds
from exchange.vocabulary import Secrecy
from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, PARTY
from tests.person import fresh, reissue
from tests.several import BOTH, Several
from tests.simulator import RECIPIENT, SENDER, Answer, Given, Letter


async def for_both(several: Several, **members: Any) -> Given:
    return await several.consent(recipients=list(BOTH), **members)


async def stored(several: Several, letter: Letter) -> Letter:
    answer = await several.send(letter)
    assert answer.status == 201, answer.body
    return letter


async def asked(several: Several, agency: str) -> list[str]:
    """Return the consents under which `agency` is asked to erase."""
    found = await several.call(agency, routes.ERASURES)
    return [one["consent"] for one in found.json["erasures"] if one["to"] == agency]


async def read(several: Several, agency: str, given: Given) -> Answer:
    return await several.call(agency, routes.GET_CONSENT, id=given.id)


async def test_each_recipient_sees_what_is_addressed_to_it_and_nothing_else(
    several: Several,
) -> None:
    consent = await for_both(several)
    mine = await stored(several, several.letter(consent.digest))
    unknown = "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"

    (entry,) = await several.inbox(RECIPIENT)
    seen = await several.call(RECIPIENT, routes.GET_DISCLOSURE, id=mine.id)
    absent = await several.call(PARTY, routes.GET_DISCLOSURE, id=unknown)

    assert entry["disclosure"]["id"] == mine.id
    assert seen.status == 200
    assert await several.inbox(PARTY) == []
    for route in (routes.GET_DISCLOSURE, routes.PAYLOAD_OF):
        assert (await several.call(PARTY, route, id=mine.id)).face == absent.face
    assert (await several.collect(mine, PARTY)).status == 404
    # To whom nothing was sent, the consent itself does not exist, though it names that agency.
    assert (await read(several, RECIPIENT, consent)).status == 200
    assert (await read(several, PARTY, consent)).face == absent.face
    assert (await several.withdraw(consent, PARTY)).status == 404


async def test_of_a_document_for_both_each_collects_and_answers_for_itself(
    several: Several,
) -> None:
    consent = await for_both(several)
    letter = await stored(several, several.joint_letter(consent.digest))

    first = await several.collect(letter, PARTY)
    between = await several.call(SENDER, routes.GET_DISCLOSURE, id=letter.id)
    assert (await several.acknowledge(letter, PARTY)).status == 200
    second = await several.collect(letter, RECIPIENT)

    assert (first.status, second.status) == (200, 200)
    found = {one["agency"]: one["collected_at"] for one in between.json["recipients"]}
    assert found[PARTY] is not None
    assert found[RECIPIENT] is None
    # Of the other one a recipient learns nothing but its name, which the manifest signs.
    seen = await several.call(RECIPIENT, routes.GET_DISCLOSURE, id=letter.id)
    assert [one["agency"] for one in seen.json["recipients"]] == [RECIPIENT]


async def test_withdrawing_ends_it_for_all_and_asks_whom_it_reached(several: Several) -> None:
    consent = await for_both(several)
    collected = await stored(several, several.letter(consent.digest, recipient=PARTY))
    waiting = await stored(several, several.letter(consent.digest))
    joint = await stored(several, several.joint_letter(consent.digest))
    assert (await several.collect(collected, PARTY)).status == 200

    assert (await several.withdraw(consent, PARTY)).status == 200

    for letter, agency in (
        (collected, PARTY),
        (waiting, RECIPIENT),
        (joint, RECIPIENT),
        (joint, PARTY),
    ):
        assert (await several.collect(letter, agency)).status == 404
    for agency in BOTH:
        again = several.letter(consent.digest, recipient=agency)
        assert (await several.send(again)).status == 403
    assert await several.count("headers") == 0
    assert await asked(several, PARTY) == [consent.digest]
    assert await asked(several, RECIPIENT) == []
    # It ended before anything was collected there: to that recipient it never was.
    assert (await read(several, RECIPIENT, consent)).status == 404


async def test_the_person_ends_it_for_all_with_one_code(several: Several) -> None:
    consent, code = await for_both(several), fresh()
    assert (await reissue(several, consent, COLLECTOR, credential=code.digest)).status == 200
    joint = await stored(several, several.joint_letter(consent.digest))
    for agency in BOTH:
        assert (await several.collect(joint, agency)).status == 200

    assert await withdraw_by_code(several.hub, code.text) is not None

    for agency in BOTH:
        assert await asked(several, agency) == [consent.digest]
        assert (await several.collect(joint, agency)).status == 404
    seen = await view(several.hub, code.text)
    assert seen is not None
    assert sorted(one.agency for one in seen.erasures) == sorted(BOTH)


async def test_the_answer_of_one_recipient_leaves_the_erasure_of_the_other_open(
    several: Several,
) -> None:
    consent = await for_both(several)
    joint = await stored(several, several.joint_letter(consent.digest))
    for agency in BOTH:
        await several.collect(joint, agency)
    await several.withdraw(consent, COLLECTOR)
    (mine,) = (await several.call(PARTY, routes.ERASURES)).json["erasures"]

    foreign = await several.confirm(mine, RECIPIENT)
    confirmed = await several.confirm(mine, PARTY)

    assert (foreign.status, confirmed.status) == (404, 200)
    (open_,) = (await several.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    assert (open_["to"], open_["state"]) == (RECIPIENT, "open")


# Direction


@pytest.mark.parametrize(
    ("sender", "to"),
    [
        (RECIPIENT, SENDER),  # the other way round
        (PARTY, SENDER),
        (RECIPIENT, PARTY),  # from one recipient to the other
        (COLLECTOR, RECIPIENT),  # who collected it is no releaser
        (SENDER, COLLECTOR),
    ],
)
async def test_a_consent_has_one_direction(several: Several, sender: str, to: str) -> None:
    consent = await for_both(several)
    letter = several.letter(consent.digest, sender=sender, recipient=to)
    exp = seconds(several.now) + 3600

    asked_before = await several.ask(sender, consent.digest, recipients=[to], exp=exp)
    announced = await several.announce(letter, sender)
    sent = await several.send(letter, sender)

    assert (asked_before.status, announced.status, sent.status) == (403, 403, 403)
    assert asked_before.body == announced.body == sent.body
    assert await several.count("disclosures") == 0


async def test_nobody_sends_in_the_name_of_the_releaser(several: Several) -> None:
    consent = await for_both(several)
    letter = several.letter(consent.digest, signer=RECIPIENT)

    assert (await several.send(letter, RECIPIENT)).status in {403, 422}
    assert (await several.send(letter, SENDER)).status == 422


async def test_the_way_back_needs_a_consent_of_its_own(several: Several) -> None:
    back = {
        "releasers": [RECIPIENT],
        "recipients": [SENDER],
        "categories": ["rent-arrears-letter"],
        "secrecy": "social",
    }
    there, again = await several.consent(), await several.consent(**back)
    answer = several.letter(
        again.digest, sender=RECIPIENT, recipient=SENDER, secrecy=Secrecy.SOCIAL
    )

    assert (await several.send(several.letter(there.digest))).status == 201
    assert (await several.send(answer, RECIPIENT)).status == 201
    crossed = several.letter(
        there.digest, sender=RECIPIENT, recipient=SENDER, secrecy=Secrecy.SOCIAL
    )
    assert (await several.send(crossed, RECIPIENT)).status == 403
