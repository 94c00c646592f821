"""Agreements: proposed, signed by all, ended by notice; consents under them are narrower."""

from typing import Any
from uuid import uuid4

import pytest

from exchange.canonical import digest
from exchange.members import write_time
from exchange.statement import Kind, seconds, sign
from exchange.wire import routes
from tests.samples import AGREEMENT, with_text
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Simulator


async def propose(sim: Simulator, agency: str = RECIPIENT, **members: Any) -> Answer:
    payload = sim.agreement_payload(**members)
    statement = sign(Kind.AGREEMENT, payload, sim.offices[agency].identity)
    sim.agreement, sim.agreement_id = digest(statement), payload["id"]
    return await sim.call(agency, routes.POST_AGREEMENT, json={"statement": statement.decode()})


async def give_notice(sim: Simulator, agency: str, ends: str, **members: Any) -> Answer:
    payload = {
        "id": str(uuid4()),
        "iat": seconds(sim.now),
        "agency": agency,
        "agreement": sim.agreement,
        "ends": ends,
        **members,
    }
    statement = sign(Kind.AGREEMENT_NOTICE, payload, sim.offices[agency].identity)
    return await sim.call(
        agency, routes.GIVE_NOTICE, id=sim.agreement_id, json={"statement": statement.decode()}
    )


async def test_an_agreement_is_in_force_when_every_party_has_signed(sim: Simulator) -> None:
    proposed = await propose(sim)
    early = await sim.record(sim.signed_consent())
    signed = await sim.sign_agreement(SENDER)
    recorded = await sim.record(sim.signed_consent())

    assert (proposed.status, proposed.json["state"]) == (201, "proposed")
    assert (early.status, early.json["findings"][0]["id"]) == (422, "L10")
    assert (signed.status, signed.json["state"]) == (201, "in-force")
    assert {one["agency"] for one in signed.json["signatures"]} == {SENDER, RECIPIENT}
    assert recorded.status == 201


async def test_only_parties_see_it_and_each_once(sim: Simulator) -> None:
    mine = (await sim.call(SENDER, routes.AGREEMENTS)).json["agreements"]
    foreign = (await sim.call(OUTSIDER, routes.AGREEMENTS)).json["agreements"]

    assert [one["id"] for one in mine] == [sim.agreement_id]
    assert foreign == []


async def test_a_second_signature_of_the_same_party_is_a_conflict(sim: Simulator) -> None:
    assert (await sim.sign_agreement(SENDER)).status == 409


async def test_a_signature_of_another_agreement_is_refused(sim: Simulator) -> None:
    await propose(sim)

    wrong = await sim.sign_agreement(SENDER, agreement="A" * 43)

    assert wrong.status == 422


async def test_nobody_proposes_for_an_agency_that_is_not_admitted(sim: Simulator) -> None:
    parties = [dict(AGREEMENT["parties"][0]), {**AGREEMENT["parties"][1], "agency": "women-x"}]
    sim.offices["women-x"] = sim.offices[OUTSIDER]

    answer = await propose(
        sim,
        parties=parties,
        collectors=["women-x"],
        flows=[{**AGREEMENT["flows"][0], "to": "women-x"}],
        undertakings=[{"agency": "women-x", "sha256": "ab" * 32}],
        vocabulary=_part(),
    )

    assert answer.status == 422
    assert await sim.count("agreements") == 1


def _part() -> object:
    from exchange.vocabulary import shipped

    kinds = frozenset({"energy-bill", "rent-arrears-letter"})
    return shipped().part(frozenset({"energy-debt", "housing-loss"}), kinds).payload()


async def test_texts_that_break_a_rule_are_refused_with_every_finding(sim: Simulator) -> None:
    texts = with_text("== refusal\n", "== refusal when=once\n", version="2.0")

    answer = await propose(sim, notices=texts)

    assert answer.status == 422
    found = [(one["id"], one["field"]) for one in answer.json["findings"] if one["id"] == "N01"]
    assert found == [("N01", f"consent-form/2.0/{lang}") for lang in ("de", "de-simple", "en")]
    assert await sim.count("agreements") == 1


async def test_a_released_text_with_other_words_is_refused(sim: Simulator) -> None:
    answer = await propose(sim, notices=with_text("== copy\n", "== copy\nMore words\n"))

    assert answer.status == 422
    assert {one["id"] for one in answer.json["findings"] if one["severity"] == "refuse"} == {"N05"}


async def test_a_text_in_no_format_is_not_acceptable(sim: Simulator) -> None:
    answer = await propose(sim, notices=with_text("== title\n", "", version="2.0"))

    assert answer.json["type"].endswith("statement-not-acceptable")
    assert await sim.count("agreements") == 1


async def test_a_notice_ends_it_with_the_year_and_a_repetition_is_harmless(
    sim: Simulator,
) -> None:
    consent = await sim.consent()
    late = await give_notice(sim, SENDER, "2025-12-31T23:00:00Z")
    given = await give_notice(sim, SENDER, "2026-12-31T23:00:00Z")
    sim.now = sim.now.replace(year=2027, month=1, day=1)

    after = await sim.call(SENDER, routes.GET_AGREEMENT, id=sim.agreement_id)

    assert late.status == 422
    assert (given.status, given.json["state"]) == (201, "in-force")
    assert given.json["ends_at"] == "2026-12-31T23:00:00.000000Z"
    assert after.json["state"] == "ended"
    assert (await sim.send(sim.letter(consent.digest))).status in {403, 422}
    (event,) = await sim.log("agreement-notice")
    assert event["ends"] == "2026-12-31"


async def test_a_notice_of_somebody_else_is_none(sim: Simulator) -> None:
    stranger = await give_notice(sim, OUTSIDER, "2026-12-31T23:00:00Z")
    other = await give_notice(sim, SENDER, "2026-12-31T23:00:00Z", agreement="A" * 43)

    assert (stranger.status, other.status) == (404, 422)


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({"categories": ["energy-bill", "rent-arrears-letter", "tenancy-termination"]}, None),
        ({"releasers": ["jobcentre-a", "women-b"]}, "L03"),
        ({"agreement": "A" * 43}, "L10"),
        ({"valid_until": "2027-08-31T22:00:00Z"}, "L15"),
        ({"valid_until": "2026-03-03T10:00:00Z"}, "L16"),
        ({"secrecy": "personal"}, "L43"),
        ({"purpose": {"code": "housing-loss", "words": "something else"}}, "L07"),
    ],
)
async def test_a_consent_wider_than_its_agreement_is_refused_with_its_rules(
    sim: Simulator, members: dict[str, object], rule: str | None
) -> None:
    answer = await sim.record(sim.signed_consent(**members))

    if rule is None:
        assert answer.status == 201
        return
    assert answer.status == 422
    assert rule in {finding["id"] for finding in answer.json["findings"]}
    assert await sim.count("consents") == 0


async def test_a_consent_collected_in_the_future_is_refused(sim: Simulator) -> None:
    from datetime import timedelta

    at = write_time(sim.now + timedelta(minutes=6))
    given = sim.signed_consent(
        collected_at=at,
        valid_from=at,
        signers=[{"role": "subject", "at": at, "identified": "in-person"}],
    )

    answer = await sim.record(given)

    assert answer.status == 422


async def test_nobody_records_a_consent_somebody_else_has_collected(sim: Simulator) -> None:
    given = sim.signed_consent()

    assert (await sim.record(given, RECIPIENT)).status == 422
    assert (await sim.record(given, OUTSIDER)).status == 422
