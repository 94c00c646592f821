"""Who signed a consent and its withdrawal, with which key: by program, on the page and on paper."""

from typing import Any

import pytest

from exchange.canonical import b64u, digest
from exchange.consent import own_key
from exchange.hub.withdraw_by_person import withdraw_by_code, withdrawal_to_sign
from exchange.keyid import person_kid
from exchange.statement import Kind
from exchange.wire import officer_routes, routes
from tests.attacks.parties import COLLECTOR, Parties
from tests.hub.test_officer_files import printed
from tests.officer import logged_in
from tests.person import OwnKey, consent_with_code, electronic_consent, fresh, reissue
from tests.simulator import RECIPIENT, SENDER, Given, Simulator

BOTH = ["Ed25519", "ML-DSA-65"]


@pytest.fixture
def stored_in() -> dict[str, Any]:
    """On SQLite: what a database decides is in the tests of the answers."""
    return {}


async def told(sim: Simulator, agency: str, given: Given) -> Any:
    answer = await sim.call(agency, officer_routes.CONSENT, id=given.id)
    assert answer.status == 200, answer.body
    return answer.json["answer"]


def by_agency(sim: Simulator, agency: str) -> dict[str, Any]:
    key = sim.offices[agency].identity.kid
    return {"by": "agency", "agency": agency, "key": key, "algorithms": BOTH}


def by_person(key: OwnKey) -> dict[str, Any]:
    kid = person_kid(key.public)
    return {"by": "person", "agency": None, "key": kid, "algorithms": ["Ed25519"]}


async def test_a_record_and_its_withdrawal_name_agency_and_key(parties: Parties) -> None:
    given = await parties.consent()
    found = await told(parties, COLLECTOR, given)
    assert found["signatures"] == [by_agency(parties, COLLECTOR)]
    assert [(one["role"], one["identified"]) for one in found["persons"]] == [
        ("subject", "in-person")
    ]
    assert found["withdrawal"] is None

    statement = parties.withdrawal(given, SENDER, channel="phone", by="guardian")
    ended = await parties.call(
        SENDER, routes.WITHDRAW, id=given.id, json={"statement": statement.decode()}
    )
    assert ended.status == 200, ended.body

    withdrawal = (await told(parties, COLLECTOR, given))["withdrawal"]
    assert withdrawal["signatures"] == [by_agency(parties, SENDER)]
    assert (withdrawal["way"], withdrawal["by"], withdrawal["channel"]) == (
        *("agency", "guardian", "phone"),
    )
    assert withdrawal["digest"] == digest(statement)
    # Whoever may not know why it ended is not told who ended it either.
    hidden = await told(parties, SENDER, given)
    assert hidden["withdrawal"] is None
    assert hidden["signatures"] == [by_agency(parties, COLLECTOR)]


async def test_of_an_electronic_one_her_own_key_is_named(sim: Simulator) -> None:
    key, code = OwnKey(), fresh()
    given = await electronic_consent(sim, key)
    found = await told(sim, SENDER, given)
    assert found["signatures"] == [by_agency(sim, SENDER), by_person(key)]
    assert found["persons"][0]["identified"] == "known"

    await reissue(sim, given, credential=code.digest)
    said = await withdrawal_to_sign(sim.hub, code.text)
    assert said is not None
    own = own_key.OwnSignature(key.public, said, key.private.sign(said.encode()))
    statement = own.statement(Kind.WITHDRAWAL_ELECTRONIC)
    ended = await sim.call(
        SENDER, routes.WITHDRAW, id=given.id, json={"statement": statement.decode()}
    )
    assert ended.status == 200, ended.body

    withdrawal = (await told(sim, SENDER, given))["withdrawal"]
    assert (withdrawal["way"], withdrawal["by"], withdrawal["channel"]) == ("key", None, None)
    assert withdrawal["signatures"] == [by_person(key)]
    desk, _ = await logged_in(sim, agency=SENDER)
    page = (await desk.get(f"/officer/consents/{given.id}")).body.decode()
    for shown in (
        "Who signed",
        sim.offices[SENDER].identity.kid,
        f"with a key made in her browser, key {person_kid(key.public)} (Ed25519)",
        "signed by the person herself at",
    ):
        assert shown in page, shown
    assert b64u(key.public) not in page, "the key's name, not the key"


async def test_a_withdrawal_by_code_is_signed_by_nobody_and_says_so(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    assert await withdraw_by_code(sim.hub, code) is not None

    withdrawal = (await told(sim, SENDER, given))["withdrawal"]
    assert (withdrawal["way"], withdrawal["signatures"]) == ("code", [])
    desk, _ = await logged_in(sim, agency=SENDER)
    german = (await desk.get(f"/officer/consents/{given.id}?lang=de")).body.decode()
    assert "Wer unterschrieben hat" in german
    assert "der Nachweis, niemand hat unterschrieben" in german
    paper = await desk.get(f"/officer/consents/{given.id}.pdf?lang=en")
    assert paper.status == 200, paper.body
    text = printed(paper.body)
    assert "the code was the proof" in text
    assert sim.offices[SENDER].identity.kid in text.replace(" ", "")


async def test_a_recipient_that_must_erase_learns_who_took_the_withdrawal_down(
    sim: Simulator,
) -> None:
    given = await sim.consent()
    assert (await sim.collect(await sim.sent(given))).status == 200
    assert (await sim.withdraw(given)).status == 200
    withdrawal = (await told(sim, RECIPIENT, given))["withdrawal"]
    assert withdrawal["signatures"] == [by_agency(sim, SENDER)]
