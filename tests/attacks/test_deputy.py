"""A38: acting in another's name, or for more than one's own part."""

from uuid import uuid4

import pytest

from exchange.statement import Kind, seconds, sign
from exchange.wire import routes
from tests.agency.double import payload_of
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.simulator import OUTSIDER, RECIPIENT, SENDER

pytestmark = pytest.mark.authz

EVERYBODY = (COLLECTOR, SENDER, RECIPIENT, PARTY, OUTSIDER)


async def test_a_withdrawal_is_taken_from_the_agency_that_signed_it_alone(
    parties: Parties,
) -> None:
    world = await parties.world("stored")
    before = await parties.tables()
    for signer in EVERYBODY:
        body = {"statement": parties.withdrawal(world.consent, signer).decode()}
        for caller in EVERYBODY:
            if caller == signer:
                continue
            answer = await parties.call(caller, routes.WITHDRAW, id=world.consent.id, json=body)
            knows = caller in {COLLECTOR, SENDER, RECIPIENT}
            assert answer.status == (422 if knows else 404), (signer, caller)
    assert await parties.tables() == before


async def test_a_withdrawal_that_names_another_agency_or_consent_is_none(
    parties: Parties,
) -> None:
    world = await parties.world("stored")
    other = await parties.world("stored")
    wrong = [
        {"consent": other.consent.digest},
        {"by": "agency", "reason": "unlawful"},  # the collector's to say, not the releaser's
        {"by": "guardian", "reason": "unlawful"},
        {"by": "nobody"},
    ]
    for members in wrong:
        statement = parties.withdrawal(world.consent, SENDER, **members)
        answer = await parties.call(
            SENDER,
            routes.WITHDRAW,
            id=world.consent.id,
            json={"statement": statement.decode()},
        )
        assert answer.status == 422, members
    named = {**payload_of(parties.withdrawal(world.consent, SENDER)), "agency": RECIPIENT}
    statement = sign(Kind.WITHDRAWAL, named, parties.offices[SENDER].identity)
    body = {"statement": statement.decode()}
    for caller in (SENDER, RECIPIENT):
        answer = await parties.call(caller, routes.WITHDRAW, id=world.consent.id, json=body)
        assert answer.status == 422
    assert (await parties.collect(world.letter)).status == 200


async def test_the_collector_ends_for_reasons_of_its_own_and_nobody_else_does(
    parties: Parties,
) -> None:
    world = await parties.world("collected")
    own = {"by": "agency", "reason": "unlawful"}
    for caller in (SENDER, RECIPIENT):
        assert (await parties.withdraw(world.consent, caller, **own)).status == 422
    assert (await parties.withdraw(world.consent, COLLECTOR, **own)).status == 200


async def test_an_answer_to_a_disclosure_is_its_recipients_own(parties: Parties) -> None:
    world = await parties.world("collected")
    for signer in EVERYBODY:
        body = {"statement": parties.acknowledgement(world.letter, signer).decode()}
        for caller in EVERYBODY:
            if caller == signer == RECIPIENT:
                continue
            answer = await parties.call(caller, routes.ACKNOWLEDGE, id=world.letter.id, json=body)
            assert answer.status == (422 if caller == RECIPIENT else 404), (signer, caller)
    found = (await parties.call(SENDER, routes.GET_DISCLOSURE, id=world.letter.id)).json
    assert found["state"] == "collected"


async def test_an_erasure_is_confirmed_by_whoever_was_asked(parties: Parties) -> None:
    world = await parties.world("withdrawn, collected")
    other = await parties.world("withdrawn, collected")
    for signer in EVERYBODY:
        body = {"statement": parties.confirmation(world, signer).decode()}
        for caller in EVERYBODY:
            if caller == signer == RECIPIENT:
                continue
            answer = await parties.call(caller, routes.CONFIRM_ERASURE, id=world.erasure, json=body)
            assert answer.status == (422 if caller == RECIPIENT else 404), (signer, caller)
    for members in (
        {"erasure": other.erasure},
        {"consent": other.consent.digest},
        {"manifests": [other.letter.digest]},
        {"result": "kept"},
    ):
        body = {"statement": parties.confirmation(world, **members).decode()}
        answer = await parties.call(RECIPIENT, routes.CONFIRM_ERASURE, id=world.erasure, json=body)
        assert answer.status == 422, members
    (asked,) = [
        one
        for one in (await parties.call(RECIPIENT, routes.ERASURES)).json["erasures"]
        if one["id"] == world.erasure
    ]
    assert asked["state"] == "open"


async def test_only_its_sender_takes_a_disclosure_back(parties: Parties) -> None:
    world = await parties.world("stored")
    for caller in EVERYBODY:
        if caller != SENDER:
            answer = await parties.call(caller, routes.RECALL, id=world.letter.id)
            assert answer.status == 404
    assert (await parties.collect(world.letter)).status == 200


async def test_an_agreement_is_signed_by_its_parties_with_their_own_keys(
    parties: Parties,
) -> None:
    payload = parties.agreement_payload()
    statement = sign(Kind.AGREEMENT, payload, parties.offices[RECIPIENT].identity)
    body = {"statement": statement.decode()}
    posted = (await parties.call(RECIPIENT, routes.POST_AGREEMENT, json=body)).json

    async def signed(caller: str, agency: str, signer: str) -> int:
        given = {
            "id": str(uuid4()),
            "iat": seconds(parties.now),
            "agency": agency,
            "agreement": posted["agreement"],
        }
        signature = sign(Kind.AGREEMENT_SIGNATURE, given, parties.offices[signer].identity)
        answer = await parties.call(
            caller,
            routes.SIGN_AGREEMENT,
            id=posted["id"],
            json={"statement": signature.decode()},
        )
        return answer.status

    assert await signed(OUTSIDER, OUTSIDER, OUTSIDER) == 404
    assert await signed(OUTSIDER, SENDER, OUTSIDER) == 404
    assert await signed(PARTY, SENDER, PARTY) == 422
    assert await signed(PARTY, SENDER, SENDER) == 422
    assert await signed(PARTY, OUTSIDER, OUTSIDER) == 422
    assert await signed(SENDER, SENDER, SENDER) == 201
    shown = (await parties.call(RECIPIENT, routes.GET_AGREEMENT, id=posted["id"])).json
    assert shown["state"] == "proposed"


async def test_an_agreement_is_proposed_by_the_party_that_drafted_it(parties: Parties) -> None:
    payload = parties.agreement_payload()
    before = await parties.tables()
    for signer, caller in ((RECIPIENT, SENDER), (SENDER, SENDER), (OUTSIDER, OUTSIDER)):
        statement = sign(Kind.AGREEMENT, payload, parties.offices[signer].identity)
        answer = await parties.call(
            caller, routes.POST_AGREEMENT, json={"statement": statement.decode()}
        )
        assert answer.status == 422, (signer, caller)
    assert await parties.tables() == before


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"collected_by": PARTY}, 422),  # a party, and no collector
        ({"collected_by": OUTSIDER}, 422),
        ({"releasers": [PARTY]}, 422),  # no flow
        ({"recipients": [PARTY]}, 422),
        ({"recipients": [SENDER]}, 422),  # releaser and recipient in one
        ({"categories": ["energy-bill", "rent-arrears-letter", "welfare-decision"]}, 422),
        ({"categories": ["*"]}, 422),
        ({"categories": []}, 422),
        ({"secrecy": "entrusted"}, 422),
        ({"purpose": {"code": "debt-advice", "words": "x"}}, 422),
        ({"agreement": "A" * 43}, 422),
        ({"valid_until": "2036-03-02T23:00:00Z"}, 422),
        ({"uses": 0}, 422),
        ({"uses": 1000}, 422),
    ],
    ids=str,
)
async def test_a_consent_wider_than_its_agreement_is_refused_to_its_author(
    parties: Parties, members: dict[str, object], status: int
) -> None:
    before = await parties.tables()
    given = parties.signed_consent(**{"collected_by": COLLECTOR, **members})
    author = str(members.get("collected_by", COLLECTOR))

    answer = await parties.record(given, author)

    assert answer.status == status, answer.body
    assert await parties.tables() == before


async def test_a_consent_is_recorded_by_whoever_collected_it(parties: Parties) -> None:
    given = parties.signed_consent(collected_by=COLLECTOR)
    for caller in (SENDER, RECIPIENT, PARTY, OUTSIDER):
        assert (await parties.record(given, caller)).status == 422
    assert (await parties.record(given, COLLECTOR)).status == 201


async def test_nobody_discloses_to_itself_for_another_or_with_another_key(
    parties: Parties,
) -> None:
    consent = await parties.consent()
    before = await parties.tables()
    cases = [
        (parties.letter(consent.digest, recipient=SENDER), SENDER),
        (parties.letter(consent.digest, signer=RECIPIENT), SENDER),
        (parties.letter(consent.digest, signer=RECIPIENT), RECIPIENT),
        (parties.letter(consent.digest), RECIPIENT),
        (
            parties.letter(consent.digest, key=parties.offices[PARTY].key.recipient.fingerprint),
            SENDER,
        ),
        (parties.letter(consent.digest, kid=parties.offices[PARTY].identity.kid), SENDER),
    ]
    for letter, caller in cases:
        assert (await parties.send(letter, caller)).status == 422
        assert (await parties.announce(letter, caller)).status == 422
    assert await parties.tables() == before


async def test_keys_and_capabilities_are_published_for_oneself(parties: Parties) -> None:
    stated = parties.stated[SENDER]
    body = {"statement": stated.statement.decode()}
    wrong = await parties.call(RECIPIENT, routes.PUT_KEY_STATEMENT, id=RECIPIENT, json=body)
    other = await parties.call(RECIPIENT, routes.PUT_KEY_STATEMENT, id=SENDER, json=body)

    assert (wrong.status, other.status) == (422, 404)
