"""The cases of the test script of Estonia's consent service that fit, by its numbers and names.

There a consumer asks the service for a consent and gets a state; here an agency asks a partner for
documents and gets a deadline. Its answers must not tell whether the person was asked or refused.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from exchange.hub import sweep
from exchange.members import write_time
from exchange.wire import routes
from tests.asking import ask, listed, post, request, seen
from tests.person import OwnKey, completed, draft, sign_at_page, upload
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Given, Simulator


async def never_asked(_sim: Simulator) -> None:
    """Nobody has spoken to the person."""


async def approved(sim: Simulator) -> None:
    await sim.consent()


async def declined(sim: Simulator) -> None:
    payload = draft(sim)
    await upload(sim, payload)
    await sim.call(SENDER, routes.DELETE_DRAFT, id=payload["id"])


async def withdrawn(sim: Simulator) -> None:
    await sim.withdraw(await sim.consent())


BEFORE = [never_asked, approved, declined, withdrawn]


@pytest.mark.parametrize("before", BEFORE, ids=lambda one: one.__name__)
async def test_case_1_a_request_is_open_whatever_came_before(
    sim: Simulator, before: Callable[[Simulator], Awaitable[None]]
) -> None:
    await before(sim)
    statement = request(sim)

    made = (await post(sim, statement)).json

    varying = {"id", "request", "agreement", "asked_at", "deadline", "receipt"}
    assert {name: made[name] for name in made.keys() - varying} == {
        "agency": RECIPIENT,
        "to": SENDER,
        "purpose": "housing-loss",
        "categories": ["rent-arrears-letter"],
        "consent": None,
        "state": "open",
        "statement": None,
    }


async def test_case_2_a_repeated_request_is_the_first_one(sim: Simulator) -> None:
    statement = request(sim)
    first = await post(sim, statement)

    again = await post(sim, statement)

    assert again.face == first.face
    assert len(await listed(sim, SENDER, "?role=asked")) == 1


@pytest.mark.parametrize("before", BEFORE, ids=lambda one: one.__name__)
async def test_case_3_another_request_for_the_same_is_open_as_well(
    sim: Simulator, before: Callable[[Simulator], Awaitable[None]]
) -> None:
    first = await ask(sim)
    await before(sim)

    second = await ask(sim)

    assert second["id"] != first["id"]
    assert [one["state"] for one in await listed(sim, RECIPIENT)] == ["open", "open"]


async def test_case_4_what_is_malformed_unknown_or_foreign_is_refused_and_no_bug(
    sim: Simulator,
) -> None:
    made = await ask(sim)

    assert (await post(sim, request(sim, id="4"))).status == 422
    assert (await post(sim, request(sim, purpose="never-heard"))).status == 422
    assert (await seen(sim, made, OUTSIDER)).status == 404
    assert (await seen(sim, {"id": "not-an-id"})).status == 404


async def test_case_8_a_releaser_lists_consents_and_which_of_them_are_valid(
    sim: Simulator,
) -> None:
    valid, ended = await sim.consent(), await sim.consent()
    await sim.withdraw(ended)

    found = (await sim.call(SENDER, routes.CONSENTS)).json["consents"]

    states = {one["id"]: one["state"] for one in found}
    assert states == {valid.id: "valid", ended.id: "ended"}


async def test_case_9_a_recipient_lists_only_what_has_reached_it(sim: Simulator) -> None:
    await sim.consent()
    reached = await sim.consent()
    await sim.sent(reached)
    gone = await sim.consent()
    await sim.sent(gone)
    await sim.withdraw(gone)

    found = (await sim.call(RECIPIENT, routes.CONSENTS)).json["consents"]

    assert [(one["id"], one["state"]) for one in found] == [(reached.id, "valid")]
    assert (await sim.call(OUTSIDER, routes.CONSENTS)).json["consents"] == []


async def not_yet(sim: Simulator) -> Given:
    return await sim.consent(valid_from=write_time(sim.now + timedelta(days=1)))


async def used_up(sim: Simulator) -> Given:
    consent = await sim.consent(uses="once")
    await sim.sent(consent)
    return consent


async def expired(sim: Simulator) -> Given:
    consent = await sim.consent(valid_until=write_time(sim.now + timedelta(days=1)), uses="once")
    sim.later(days=1)
    return consent


async def ended(sim: Simulator) -> Given:
    consent = await sim.consent()
    await sim.withdraw(consent)
    return consent


async def never(sim: Simulator) -> Given:
    return sim.signed_consent()


@pytest.mark.parametrize(
    "state", [not_yet, used_up, expired, ended, never], ids=lambda one: one.__name__
)
async def test_case_10_a_check_is_no_unless_the_right_party_asks_about_a_valid_consent(
    sim: Simulator, state: Callable[[Simulator], Awaitable[Given]]
) -> None:
    valid = await sim.consent()
    assert (await sim.ask(SENDER, valid.digest)).json["decision"] == "permit"
    consent = await state(sim)

    checks = [
        await sim.ask(SENDER, consent.digest),
        await sim.ask(RECIPIENT, consent.digest, recipients=[SENDER]),
        await sim.ask(RECIPIENT, valid.digest, recipients=[SENDER]),
        await sim.ask(OUTSIDER, valid.digest),
        await sim.ask(OUTSIDER, str(uuid4()).replace("-", "")[:32] + "A" * 11),
    ]

    assert {check.status for check in checks} == {403}
    assert len({check.face for check in checks}) == 1


async def test_case_11_a_disclosure_is_reported_by_the_very_transaction_that_stores_it(
    sim: Simulator,
) -> None:
    consent = await sim.consent()
    letters = [await sim.sent(consent) for _ in range(3)]
    await sim.send(sim.letter("A" * 43))

    reported = [event["manifest"] for event in await sim.log("disclosure-stored")]

    assert reported == [letter.digest for letter in letters]
    assert await sim.count("disclosures") == len(letters)


async def test_approve_the_person_signs_on_her_page_and_the_consent_is_used(
    sim: Simulator,
) -> None:
    payload = draft(sim)
    _, invitation = await upload(sim, payload)
    assert await sign_at_page(sim, invitation, OwnKey())
    signed = await sim.call(SENDER, routes.GET_DRAFT, id=payload["id"])
    given = completed(sim, signed.json)

    assert (await sim.record(given)).status == 201

    assert (await sim.ask(SENDER, given.digest)).status == 200
    assert (await sim.sent(given)).consent == given.digest


async def test_decline_leaves_nothing_behind(sim: Simulator) -> None:
    tables = await sim.table_names()
    await sim.settled()
    before = {table: await sim.count(table) for table in tables}

    await declined(sim)

    assert {table: await sim.count(table) for table in tables} == before


async def test_expire_ends_what_waits_and_what_would_come(sim: Simulator) -> None:
    consent = await sim.consent(valid_until=write_time(sim.now + timedelta(days=1)))
    letter = await sim.sent(consent)
    sim.later(days=1)
    await sweep.sweep(sim.hub, leftovers=False)

    assert (await sim.collect(letter)).status == 404
    assert (await sim.send(sim.letter(consent.digest))).status == 403
    shown = (await sim.call(SENDER, routes.GET_CONSENT, id=consent.id)).json
    assert (shown["state"], shown["reason"]) == ("ended", "expired")


async def test_withdraw_ends_what_waits_and_what_would_come(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = await sim.sent(consent)

    assert (await sim.withdraw(consent)).status == 200

    assert (await sim.collect(letter)).status == 404
    assert (await sim.send(sim.letter(consent.digest))).status == 403
    assert (await sim.ask(SENDER, consent.digest)).status == 403


def guardian(sim: Simulator, **members: Any) -> dict[str, Any]:
    return {
        "role": "guardian",
        "at": write_time(sim.now),
        "identified": "in-person",
        **members,
    }


@pytest.mark.parametrize(
    ("signer", "basis"),
    [
        ({"power": "parent", "custody": "sole"}, "rule"),
        # There adults without capacity are excluded; here a carer with the duty consents for one.
        ({"power": "carer", "areas_checked": True}, "assessed"),
    ],
    ids=["parent", "carer"],
)
async def test_representative_a_guardian_gives_and_withdraws_alone(
    sim: Simulator, signer: dict[str, Any], basis: str
) -> None:
    consent = await sim.consent(
        capacity="guardian", capacity_basis=basis, signers=[guardian(sim, **signer)]
    )
    assert (await sim.ask(SENDER, consent.digest)).status == 200

    assert (await sim.withdraw(consent, by="guardian")).status == 200

    assert (await sim.ask(SENDER, consent.digest)).status == 403


async def test_representative_the_person_herself_withdraws_what_a_guardian_gave(
    sim: Simulator,
) -> None:
    consent = await sim.consent(
        capacity="guardian", signers=[guardian(sim, power="parent", custody="sole")]
    )

    assert (await sim.withdraw(consent, by="subject")).status == 200

    assert (await sim.send(sim.letter(consent.digest))).status == 403
